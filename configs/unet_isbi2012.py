r"""U-Net on ISBI 2012 (Ronneberger et al. 2015, arXiv:1505.04597, Table 1).

Paper: a warping error of 0.000353, a Rand error of 0.0382 and a pixel error of
0.0611 on the challenge's test slices, from seven rotated views; it states no
mIoU. Ours: `:cpu` 51.5 % mIoU on slices 24 to 29
(results/unet_isbi2012_cpu), a pixel error of 0.0891 and a warping error of
0.003486 there; the full one is not run yet. Cost: `:cpu` 7 minutes on a
CPU core; the full one unknown, 6000 steps of one slice of 512x512.

  python -m experiments.prepare --dataset=isbi2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/unet_isbi2012 \
      --config=configs/unet_isbi2012.py

Unpadded convolutions on mirrored slices, single images, a momentum of 0.99 and
the map of weights of Eq. (2), with w_0 = 10 and sigma = 5 pixels (Sec. 3);
elastic deformations of 10 pixels on a 3x3 grid (Sec. 3.1). The paper does not
state its rate, its steps, how far it turns slices or how its w_c balances the
classes: 0.001, 6000, any angle and by their share of the pixels are ours. `:cpu`
has a quarter of the channels and 400 steps of 256x256 pixels.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, cpu=False, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="isbi2012", train="train", eval="validation")
  config.augment = dict(
      crop=(512, 512),
      scale=(1.0, 1.0),
      rotation=180.0,
      elastic=10.0,
      padding="mirror",
      border_weights=(10.0, 5.0),
      border_classes=(1,),  # cells; membranes are their background
  )
  config.preprocess = "unit"
  config.model = dict(name="unet.UNet", padding="mirror")
  config.batch_size = 1
  config.optimizer = dict(name="sgd", momentum=0.99, weight_decay=0.0)
  config.schedule = dict(name="constant", peak=0.001)
  config.total_steps = 6000
  config.eval = dict(every_steps=500, batch_size=1, multiple=16)
  if arg.cpu:
    config.model.features = (16, 32, 64, 128, 256)
    config.augment.crop = (256, 256)
    config.total_steps = 400
    config.eval.every_steps = 200
    config.checkpoint.every_steps = 50
    config.log_every_steps = 20
  return common.smoke(config) if arg.smoke else config
