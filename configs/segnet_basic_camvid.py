r"""SegNet-Basic on CamVid, 11 classes (Badrinarayanan et al. 2017, arXiv:1511.00561, Table 1).

Paper: 47.7 % mIoU on test with median-frequency balancing, 82.7 % of the pixels
and 62.0 % per class; 48.5 with encoder addition, 46.1 with a single-channel
decoder. Ours: not run yet.
Cost: unknown; 10 000 steps of 12 frames of 360x480.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/segnet_basic_camvid \
      --config=configs/segnet_basic_camvid.py

`variant=single_channel_decoder` and `variant=encoder_addition` are two others
of Table 1. Whole frames, without augmentation; SGD at 0.1 with a momentum of 0.9
and batches of 12 (Sec. 3.2); 10 000 steps and the weight decay are those of the
authors' solver.
"""

import ml_collections

from configs import common, segnet_camvid

VARIANTS = ("", "single_channel_decoder", "encoder_addition")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, variant="", smoke=False)
  if arg.variant not in VARIANTS:
    raise ValueError(f"variant is one of {VARIANTS}, not {arg.variant!r}")
  config = common.defaults()
  config.dataset = dict(name="camvid", train="train", eval="validation")
  config.augment = dict(crop=(360, 480), scale=(1.0, 1.0), flip=False)
  config.preprocess = "bgr"
  config.model = dict(name="segnet.SegNetBasic")
  if arg.variant:
    config.model[arg.variant] = True
  config.loss.weights = segnet_camvid.WEIGHTS
  config.batch_size = 12
  config.optimizer = dict(name="sgd", momentum=0.9, weight_decay=5e-4)
  config.schedule = dict(name="constant", peak=0.1)
  config.total_steps = 10_000
  config.eval = dict(every_steps=1000, batch_size=4, multiple=8)
  return common.smoke(config) if arg.smoke else config
