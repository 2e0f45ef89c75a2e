r"""DeepLabv3+ R-18 on CamVid (Chen et al. 2018, arXiv:1802.02611).

Paper: none on CamVid. Ours: not run yet. Cost: unknown; 12 000 steps of 8
crops of 352x480.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v3plus_camvid \
      --config=configs/deeplab_v3plus_camvid.py

Widths are those of mmsegmentation's R18-D8 network. It starts from nothing;
`--config.pretrained.source=torchvision/resnet18` and `--config.pretrained.file`
start from ImageNet.
"""

import ml_collections

from configs import common, unet_camvid


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=18, smoke=False)
  if arg.depth not in DEPTHS:
    raise ValueError(f"depth is one of {tuple(DEPTHS)}, not {arg.depth}")
  stage_sizes, bottleneck = DEPTHS[arg.depth]
  config = unet_camvid.get_config()
  config.model = dict(
      name="deeplab_v3plus.DeepLabV3Plus",
      features=256 if bottleneck else 128,
      low_level_features=48 if bottleneck else 12,
      aux_features=256 if bottleneck else 64,
  )
  config.backbone = dict(
      name="resnet.ResNet",
      stage_sizes=stage_sizes,
      bottleneck=bottleneck,
      output_stride=16,
  )
  config.loss.aux = dict(aux=0.4)
  return common.smoke(config) if arg.smoke else config


DEPTHS = {18: ((2, 2, 2, 2), False), 50: ((3, 4, 6, 3), True)}
"""Depth of the ResNet -> blocks a stage, and whether they are bottlenecks."""
