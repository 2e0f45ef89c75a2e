r"""Dilation8 on CamVid (Yu and Koltun 2016, arXiv:1511.07122, Table 5).

Paper: 65.3 % mIoU on test (Table 5, Dilation8), images of 640x480. Ours: not
run yet. Cost: unknown; 20 000 steps of 2 whole images.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/dilated_camvid \
      --config=configs/dilated_camvid.py --config.pretrained.file=FILE

FILE is torchvision's VGG-16 for ImageNet. Appendix A.1 trains the front end for
20 000 steps and then both together, at a learning rate of 1e-5, for a time that
it does not state. Here both learn at once, with a loss on either's scores; the
authors' training page allows as much where there are only hundreds of images.
Our images are 480x360, as SegNet's.
"""

import ml_collections

from configs import common, dilated_voc


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, smoke=False)
  config = dilated_voc.get_config("context=basic")
  config.dataset = dict(name="camvid", train="train", eval="validation")
  config.augment.crop = (360, 480)
  config.model.pad_each = True
  config.batch_size = 2
  config.total_steps = 20_000
  config.eval.every_steps = 2000
  return common.smoke(config) if arg.smoke else config
