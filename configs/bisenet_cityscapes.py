r"""BiSeNet on Cityscapes (Yu et al. 2018, arXiv:1808.00897, Sec. 4).

Paper: 68.4 % mIoU on test with Xception39 (abstract). On val, as the authors'
TorchSeg quotes it, 70.1 with Xception39 and 76.21 with ResNet-18; with several
scales and mirror images 72.0, 78.57 and, with ResNet-101, 80.3. Ours: not run
yet. Cost: unknown; 80 000 steps of 16 crops of 1024x1024.

  python -m experiments.prepare --dataset=cityscapes --manual_dir=DIR
  python -m experiments.train --workdir=runs/bisenet_cityscapes \
      --config=configs/bisenet_cityscapes.py:backbone=r18 \
      --config.pretrained.file=FILE

FILE is torchvision's ResNet for ImageNet, of `:backbone=r18` or r101;
`:backbone=x39` starts from nothing, since no weights of it are public. Rates,
decay, batch, scales and the mining of hard pixels are those of TorchSeg, whose
ResNet-101 has another stem (`--config.backbone.deep_stem`).
"""

import ml_collections

from configs import common

BACKBONES = {
    # name: (the section, channels of the heads and of the auxiliary ones)
    "x39": (dict(name="xception39.Xception39"), 64, 128),
    "r18": (
        dict(name="resnet.ResNet", stage_sizes=(2, 2, 2, 2), bottleneck=False),
        64,
        256,
    ),
    "r101": (dict(name="resnet.ResNet", stage_sizes=(3, 4, 23, 3)), 256, 256),
}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, backbone="r18", smoke=False)
  if arg.backbone not in BACKBONES:
    raise ValueError(
        f"backbone is one of {tuple(BACKBONES)}, not {arg.backbone!r}"
    )
  backbone, head_features, aux_features = BACKBONES[arg.backbone]
  config = common.defaults()
  config.dataset = dict(name="cityscapes", train="train", eval="validation")
  config.augment = dict(crop=(1024, 1024), scale=(0.75, 2.0))
  config.model = dict(
      name="bisenet.BiSeNet",
      head_features=head_features,
      aux_features=aux_features,
  )
  config.backbone = backbone
  if arg.backbone != "x39":
    config.pretrained.source = f"torchvision/resnet{arg.backbone[1:]}"
  config.loss = dict(
      name="ohem_cross_entropy",
      threshold=0.7,
      min_kept=1024 * 1024 // 16,
      aux=dict(aux16=1.0, aux32=1.0),
  )
  config.batch_size = 16
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=5e-4, head_factor=10.0
  )
  config.schedule = dict(name="poly", peak=0.01, power=0.9)
  config.total_steps = 80_000
  config.eval = dict(every_steps=5000, batch_size=4)
  config.precision = "bfloat16"
  return common.smoke(config) if arg.smoke else config
