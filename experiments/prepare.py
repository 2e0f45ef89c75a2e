r"""Builds a data set from downloaded files; shapes needs none.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR \
      --data_dir=DIR
  python -m experiments.prepare --dataset=shapes --option=num_classes=8 \
      --data_dir=DIR

docs/datasets.md says what to download.
"""

from absl import flags

from experiments import cli, dataset_flags
from segjax import data

_DATASET = dataset_flags.define()
_OVERWRITE = flags.DEFINE_bool(
    "overwrite",
    False,
    "Builds again what is prepared, and replaces it once that is complete.",
)


def main() -> None:
  name, options = _DATASET.dataset.value, _DATASET.options()
  data_dir = _DATASET.data_dir.value
  builder = data.datasets.builder(name, data_dir, **options)
  if data.datasets.is_prepared(builder) and not _OVERWRITE.value:
    print(f"Already prepared in {builder.data_dir}:")
  else:
    builder = data.datasets.prepare(
        name,
        data_dir,
        _DATASET.manual_dir.value,
        overwrite=_OVERWRITE.value,
        progress=True,
        **options,
    )
    for note in getattr(builder, "notes", ()):
      print(f"Note: {note}")
    print(f"Prepared in {builder.data_dir}:")
  for split, info in sorted(builder.info.splits.items()):
    print(f"  {split:12} {info.num_examples:6} images")


if __name__ == "__main__":
  cli.run(main)
