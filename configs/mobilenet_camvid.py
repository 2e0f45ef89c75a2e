r"""DeepLabv3+ on MobileNetV2 on CamVid, from a network for VOC (Chen et al. 2018, arXiv:1802.02611).

Paper: none on CamVid. Ours: `:cpu` 59.4 % mIoU on validation
(results/mobilenet_camvid_cpu); the full one is not run yet. Cost: `:cpu` 29
minutes on a CPU core; the full one unknown, 12 000 steps of 8 crops of 352x480.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/mobilenet_camvid \
      --config=configs/mobilenet_camvid.py --config.pretrained.file=FILE

FILE has the tensors of TensorFlow Lite's published DeepLabv3 of width 1 for VOC,
which was itself pretrained on ImageNet and MS-COCO. Backbone and image pooling
start from it; its BatchNorm is folded, so that ours begins as the identity and
keeps its statistics. The recipe is ours. `cpu` is 900 steps of 4 crops of
192x256.
"""

import ml_collections

from configs import common, unet_camvid


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, cpu=False, smoke=False)
  config = unet_camvid.get_config()
  config.preprocess = "unit"
  config.model = dict(
      name="deeplab_v3plus.DeepLabV3Plus",
      rates=(),
      features=256,
      low_level_features=48,
  )
  config.backbone = dict(name="mobilenet.MobileNetV2", output_stride=16)
  config.norm = dict(name="BatchNorm", frozen=True, epsilon=0.0)
  config.pretrained.source = "tflite/deeplabv3_mnv2_pascal_quant"
  config.schedule = dict(name="cosine", peak=5e-4, warmup_steps=100)
  if arg.cpu:
    config.augment = dict(crop=(192, 256), scale=(0.6, 1.5))
    config.batch_size = 4
    config.total_steps = 900
    config.eval.every_steps = 300
    config.checkpoint.every_steps = 100
    config.log_every_steps = 20
  return common.smoke(config) if arg.smoke else config
