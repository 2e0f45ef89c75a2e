r"""DeepLabv3+ on Cityscapes (Chen et al. 2018, arXiv:1802.02611, Table 7).

Paper: 79.14 % mIoU on val for Xception-65 without image-level features, 79.55
for Xception-71 (Table 7a). Ours: not run yet. Cost: unknown; 90 000 steps of 16
crops of 769x769.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/deeplab_v3plus_cityscapes \
      --config=configs/deeplab_v3plus_cityscapes.py \
      --config.pretrained.file=FILE

FILE is timm's Xception-65, which is the authors' for ImageNet; `:depth=71`
takes its Xception-71. The paper does not state how it trains here; the settings
are those of DeepLabv3 on Cityscapes.
"""

import ml_collections

from configs import common, deeplab_v3_cityscapes, deeplab_v3plus_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=65, smoke=False)
  if arg.depth not in (65, 71):
    raise ValueError(f"depth is 65 or 71, not {arg.depth}")
  config = deeplab_v3plus_voc.get_config()
  street = deeplab_v3_cityscapes.get_config()
  for key in ("dataset", "augment", "eval", "total_steps"):
    config[key] = street[key]
  config.model.image_level = False
  if arg.depth == 71:
    strides = (128, 2), (256, 1), (256, 2), (728, 1), (728, 2)
    config.backbone.entry = strides
  config.pretrained.source = f"timm/xception{arg.depth}"
  return common.smoke(config) if arg.smoke else config
