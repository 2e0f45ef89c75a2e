"""The data sets: found by name, prepared once, read at random.

A name is one of `names()`, or "package.module.Class" of a builder of your
own, with "/configuration" behind it where a builder has several. Your builder
subclasses `base.Builder`; or it is any TFDS builder of ArrayRecords with the
features image and label and a class attribute LABELS.
"""

import difflib
import importlib
import inspect
import os
import pathlib
import shlex
from typing import Any

from segjax.data import labels as labels_lib
from segjax.data.datasets import prepare as prepare_lib
from segjax.data.datasets import source
from segjax.data.datasets.prepare import is_prepared

__all__ = [
    "builder",
    "is_prepared",
    "labels",
    "names",
    "open_source",
    "prepare",
]

_BUILDERS = {
    "ade20k": "Ade20k",
    "camvid": "Camvid",
    "camvid32": "Camvid32",
    "cityscapes": "Cityscapes",
    "coco_stuff": "CocoStuff",
    "coco_voc": "CocoVoc",
    "folder": "Folder",
    "isbi2012": "Isbi2012",
    "pascal_context": "PascalContext",
    "shapes": "Shapes",
    "sunrgbd": "Sunrgbd",
    "voc2012": "Voc2012",
}
_TFDS_KEYWORDS = {"self", "data_dir", "config", "version", "file_format"}


def names() -> tuple[str, ...]:
  """The data sets that segjax can build, sorted."""
  return tuple(sorted(_BUILDERS))


def builder(name: str, data_dir: str | os.PathLike, **options: Any) -> Any:
  """The TFDS builder of a data set under `data_dir`; builds nothing yet.

  Args:
    name: see the module's docstring.
    data_dir: the folder of prepared data sets; "~" is the home folder.
    **options: keyword arguments of the builder, such as num_classes of
      shapes. Other values are another data set, in a folder of its own.

  Raises:
    ValueError: for an unknown name, configuration or option, naming what is
      possible.
  """
  name, _, config = name.partition("/")
  cls = _resolve(name)
  if not hasattr(cls, "BUILDER_CONFIGS"):
    raise ValueError(f"{name} is not the class of a TFDS builder.")
  parameters = inspect.signature(cls.__init__).parameters.values()
  legal = [
      p.name
      for p in parameters
      if p.kind is p.KEYWORD_ONLY and p.name not in _TFDS_KEYWORDS
  ]
  for option in options:
    if option not in legal:
      raise ValueError(
          f"Data set {name!r} has no option {option!r}; it has "
          f"{', '.join(legal) or 'none'}."
      )
  configs = [c.name for c in cls.BUILDER_CONFIGS]
  if config and config not in configs:
    raise ValueError(
        f"Data set {name!r} has no configuration {config!r}; it has "
        f"{', '.join(configs) or 'none'}."
    )
  return cls(
      data_dir=os.path.expanduser(data_dir),
      config=config or None,
      file_format="array_record",
      **options,
  )


def labels(name: str, **options: Any) -> labels_lib.LabelSet:
  """The classes of a data set, prepared or not."""
  built = builder(name, os.devnull, **options)
  if not isinstance(getattr(built, "LABELS", None), labels_lib.LabelSet):
    raise ValueError(f"{name} has no class attribute LABELS, a LabelSet.")
  return built.LABELS


def prepare(
    name: str,
    data_dir: str | os.PathLike,
    manual_dir: str | os.PathLike | None = None,
    *,
    overwrite: bool = False,
    progress: bool = False,
    **options: Any,
) -> Any:
  """Builds a data set, if it is not there yet, and returns its builder.

  Either the whole data set is there afterwards or nothing of it; what a
  killed build has left is cleared away.

  Args:
    name: see the module's docstring.
    data_dir: the folder of prepared data sets, made if need be.
    manual_dir: the folder with the downloads, see docs/datasets.md.
    overwrite: builds again what is prepared. The new data set lies beside
      the old one until it is complete; if it fails, the old one stays.
    progress: shows one line of progress on stderr.
    **options: as for `builder`.

  Raises:
    FileNotFoundError: naming the file that is missing.
    ValueError: naming the file that is damaged or not as it should be.
  """
  made = builder(name, data_dir, **options)
  if not (overwrite and is_prepared(made)):
    prepare_lib.prepare(made, manual_dir, progress)
    return made
  new = prepare_lib.replace(
      pathlib.Path(made.data_path),
      lambda beside: builder(name, beside, **options),
      manual_dir,
      progress,
  )
  made = builder(name, data_dir, **options)
  made.notes = getattr(new, "notes", ())
  return made


def open_source(
    name: str, split: str, data_dir: str | os.PathLike, **options: Any
) -> source.Source:
  """A prepared split, for reading at random.

  `source[i]` is {"image": uint8 (h, w, 3) RGB, "label": uint8 (h, w), "id"}.

  Args:
    name: see the module's docstring.
    split: as TFDS writes it: "train", "train[:10%]", "train+validation".
    data_dir: where `prepare` has put it.
    **options: as for `builder`.

  Raises:
    FileNotFoundError: if it is not prepared, with the command that does it.
    ValueError: if there is no such split, naming those there are.
  """
  made = builder(name, data_dir, **options)
  if not is_prepared(made):
    command = ["python -m experiments.prepare", f"--dataset={name}"]
    if made.MANUAL_DOWNLOAD_INSTRUCTIONS:
      command.append("--manual_dir=DIR")
    command.append(f"--data_dir={data_dir}")
    command += [shlex.quote(f"--option={k}={v}") for k, v in options.items()]
    raise FileNotFoundError(
        f"Data set {name!r} is not prepared in {data_dir}; run: "
        f"{' '.join(command)}"
    )
  return source.Source(made, split)


def _resolve(name: str) -> Any:
  """The builder class of a name or a dotted path."""
  if name in _BUILDERS:
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, _BUILDERS[name])
  path, _, cls = name.rpartition(".")
  if not path:
    close = difflib.get_close_matches(name, _BUILDERS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"There is no data set {name!r}; there are {', '.join(names())}, and "
        f'"package.module.Class" of your own.{hint}'
    )
  try:
    return getattr(importlib.import_module(path), cls)
  except (ImportError, AttributeError) as error:
    raise ValueError(f"Cannot import data set {name!r}: {error}.") from error
