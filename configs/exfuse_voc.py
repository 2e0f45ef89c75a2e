r"""ExFuse on PASCAL VOC 2012 (Zhang et al. 2018, arXiv:1804.03821, Sec. 4).

Paper: 87.9 % mIoU on the benchmark (abstract), and 4.0 more than GCN by its
parts together; 85.8 on val with ResNeXt-131, as public tables quote it. Ours:
not run yet. Cost: unknown; 40 000 steps of 16 crops of 512x512.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/exfuse_voc \
      --config=configs/exfuse_voc.py:backbone=r101 \
      --config.pretrained.file=FILE

FILE is torchvision's ResNet-101 for ImageNet. `:backbone=x101` is ResNeXt-101
with its layers rearranged, of which no weights are public. The settings are
ours, and so is the weight of the auxiliary loss.
"""

import ml_collections

from configs import common
from segjax.models import exfuse

BACKBONES = {
    "r101": dict(name="resnet.ResNet", stage_sizes=(3, 4, 23, 3)),
    "x101": dict(
        name="resnet.ResNet",
        stage_sizes=exfuse.REARRANGED,
        groups=32,
        width_per_group=4,
    ),
}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, backbone="r101", smoke=False)
  if arg.backbone not in BACKBONES:
    raise ValueError(
        f"backbone is one of {tuple(BACKBONES)}, not {arg.backbone!r}"
    )
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(512, 512), scale=(0.5, 2.0))
  config.model = dict(name="exfuse.ExFuse")
  config.backbone = BACKBONES[arg.backbone]
  if arg.backbone == "r101":
    config.pretrained.source = "torchvision/resnet101"
  config.loss.aux = dict(ecre=0.4)
  config.batch_size = 16
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=1e-4, head_factor=10.0
  )
  config.schedule = dict(name="poly", peak=1e-3, power=0.9)
  config.total_steps = 40_000
  config.precision = "bfloat16"
  return common.smoke(config) if arg.smoke else config
