r"""CRF-RNN on PASCAL VOC 2012 (Zheng et al. 2015, arXiv:1502.03240, Sec. 7).

Paper: 72.0 % mIoU on test, 74.7 with MS-COCO as well. Ours: not run yet.
Cost: unknown; 100 000 steps of one crop of 500x500.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/crf_rnn_voc \
      --config=configs/crf_rnn_voc.py --config.pretrained.file=FILE

FILE is pytorch-fcn's FCN-8s, where the end-to-end training begins. The paper's
rate of 1e-13 is for the sum over the pixels of one image, here for their mean.
The factors on the CRF's own weights are those that published training nets for
the authors' layer have; the number of steps is ours.
"""

import ml_collections

from configs import common


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(500, 500), scale=(1.0, 1.0))
  config.model = dict(name="crf_rnn.CRFRNN")
  config.backbone = dict(name="vgg.VGG", first_padding=100, ceil_mode=True)
  config.preprocess = "caffe"
  config.pretrained.source = "wkentaro/fcn8s_vgg16"
  config.batch_size = 1
  config.optimizer = dict(
      name="sgd",
      momentum=0.99,
      weight_decay=5e-4,
      factors=(("^crf/(spatial|bilateral)", 1e4), ("^crf/compatibility", 1e3)),
  )
  config.schedule = dict(name="constant", peak=1e-13 * 500 * 500)
  config.total_steps = 100_000
  config.eval = dict(every_steps=5000, batch_size=1)
  return common.smoke(config) if arg.smoke else config
