"""Builds a data set completely or not at all."""

from collections.abc import Iterator
import contextlib
import fcntl
import io
import os
import pathlib
import shutil
import tempfile
from typing import Any

import tensorflow_datasets as tfds
import tqdm


def is_prepared(builder: Any) -> bool:
  """Whether the data set of a TFDS builder lies in its folder."""
  return (pathlib.Path(builder.data_path) / "dataset_info.json").exists()


def prepare(
    builder: Any,
    manual_dir: str | os.PathLike | None,
    progress: bool = False,
) -> None:
  """Builds what is not built yet; see `datasets.prepare`."""
  if is_prepared(builder):
    return
  if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
    manual_dir = _checked(manual_dir, builder)
  path = pathlib.Path(builder.data_path)
  with _all_or_nothing(path):
    if is_prepared(builder):  # By the process that held the lock.
      builder.info.read_from_directory(path)
      return
    for left_over in path.parent.glob(f"incomplete.*_{path.name}"):
      shutil.rmtree(left_over)
    tfds.display_progress_bar(False)
    with (
        tqdm.tqdm(
            desc=builder.name, unit=" images", delay=0.1, disable=not progress
        ) as builder.bar,
        contextlib.redirect_stdout(io.StringIO()),  # TFDS's banners.
        tempfile.TemporaryDirectory() as downloads,  # Stays empty.
    ):
      builder.download_and_prepare(
          download_dir=downloads,
          download_config=tfds.download.DownloadConfig(
              manual_dir=manual_dir, try_download_gcs=False
          ),
      )


def _checked(manual_dir: str | os.PathLike | None, builder: Any) -> str:
  """The folder of the downloads, as an absolute path."""
  if manual_dir is None:
    raise ValueError(
        f"{builder.name} is built from files that you download yourself: "
        "name their folder as manual_dir. "
        f"{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
    )
  path = pathlib.Path(manual_dir).expanduser().absolute()
  if not path.is_dir():
    raise NotADirectoryError(f"manual_dir: there is no folder {path}.")
  if not any(path.iterdir()):
    raise FileNotFoundError(
        f"manual_dir: {path} is empty. {builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
    )
  return str(path)


@contextlib.contextmanager
def _all_or_nothing(path: pathlib.Path) -> Iterator[None]:
  """Removes the folders made for a build that fails; one build at a time.

  The lock is on the parent folder and goes with the process, however it ends.
  """
  new = next(
      (p for p in reversed((path, *path.parents)) if not p.exists()), None
  )
  path.parent.mkdir(parents=True, exist_ok=True)
  folder = os.open(path.parent, os.O_RDONLY)
  try:
    with contextlib.suppress(OSError):  # File systems without locks.
      fcntl.flock(folder, fcntl.LOCK_EX)
    yield
  except BaseException:
    if new is not None:
      shutil.rmtree(new, ignore_errors=True)
    raise
  finally:
    os.close(folder)
