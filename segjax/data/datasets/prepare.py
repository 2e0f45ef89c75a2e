"""Builds a data set completely or not at all."""

from collections.abc import Callable, Iterator
import contextlib
import fcntl
import io
import os
import pathlib
import shutil
import tempfile
from typing import Any

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
  path = pathlib.Path(builder.data_path)
  _, old = _neighbours(path)
  if old.exists() and not path.exists():  # Killed between two names.
    with contextlib.suppress(FileNotFoundError):  # Another was faster.
      old.rename(path)
    builder.info.read_from_directory(path)
    return
  manual_dir = _checked(manual_dir, builder)
  with _all_or_nothing(path):
    if is_prepared(builder):  # By the process that held the lock.
      builder.info.read_from_directory(path)
      return
    for left_over in path.parent.glob(f"incomplete.*_{path.name}"):
      shutil.rmtree(left_over)
    _build(builder, manual_dir, progress)


def replace(
    path: pathlib.Path,
    make: Callable[[pathlib.Path], Any],
    manual_dir: str | os.PathLike | None,
    progress: bool = False,
) -> Any:
  """Builds again what lies in `path`, beside it, then puts it there.

  The old data set stays in its place until the new one is complete, and where
  the build fails. Whoever reads the old one meanwhile should start again.

  Args:
    path: the folder of a prepared data set.
    make: its builder for another data_dir.
    manual_dir: as for `datasets.prepare`.
    progress: as for `datasets.prepare`.

  Returns:
    The builder that has run.
  """
  beside, old = _neighbours(path)
  with _locked(path.parent):
    for left_over in (beside, old):
      shutil.rmtree(left_over, ignore_errors=True)
    try:
      builder = make(beside)
      _build(builder, _checked(manual_dir, builder), progress)
      path.rename(old)
      pathlib.Path(builder.data_path).rename(path)
      shutil.rmtree(old)
    finally:
      shutil.rmtree(beside, ignore_errors=True)
  return builder


def _neighbours(path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
  """Where the new data set is built, and where the old one goes."""
  return tuple(path.with_name(f"{kind}.{path.name}") for kind in ("new", "old"))


def _build(builder: Any, manual_dir: str | None, progress: bool) -> None:
  import tensorflow_datasets as tfds  # Slow, and mostly all is built already.

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


def _checked(manual_dir: str | os.PathLike | None, builder: Any) -> str | None:
  """The folder of the downloads, as an absolute path, if it needs one."""
  if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
    return None
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
  """Removes the folders made for a build that fails; one build at a time."""
  new = next(
      (p for p in reversed((path, *path.parents)) if not p.exists()), None
  )
  path.parent.mkdir(parents=True, exist_ok=True)
  with _locked(path.parent):
    try:
      yield
    except BaseException:
      if new is not None:
        shutil.rmtree(new, ignore_errors=True)
      raise


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
  """One process at a time; the lock goes with it, however it ends."""
  descriptor = os.open(folder, os.O_RDONLY)
  try:
    with contextlib.suppress(OSError):  # File systems without locks.
      fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
  finally:
    os.close(descriptor)
