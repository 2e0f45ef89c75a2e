r"""FCN on PASCAL VOC 2012 (Shelhamer et al. 2017, arXiv:1605.06211, Sec. 4 and 5).

Paper: 65.5 % mIoU of FCN-8s on 736 images of VOC 2011 val ("seg11valid"; 67.2
on the test set of 2012), 65.4 trained at once, 65.0 of FCN-16s, 63.6 of FCN-32s
(the authors' released nets); with accumulated gradients 56.0 of FCN-VGG16, 39.8
of FCN-AlexNet and 42.5 of FCN-GoogLeNet (arXiv:1411.4038, Table 1). Ours: not
run yet.
Cost: unknown; 100 000 steps of one image in each stage, 300 000 at once.

  python -m experiments.prepare --dataset=voc2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/fcn32s_voc \
      --config=configs/fcn_voc.py:stride=32 --config.pretrained.file=FILE

FILE is torchvision's VGG-16 for ImageNet (`net=alexnet`: Caffe's CaffeNet;
`net=googlenet`: torchvision's GoogLeNet, as the authors' was never published).
Only the convolutions start from it: fc6 and fc7, which the authors took over
too, begin fresh. `stride=16` and `stride=8` are the later stages, which start
from the stage before: `--config.pretrained.run` is its workdir, or FILE a net of
wkentaro/pytorch-fcn. `at_once` trains FCN-8s from VGG-16 (Sec. 4.3).

The loss is the authors' sum over an image's pixels, divided by 500x500 pixels,
and the rates and weight decay are theirs multiplied and divided by it. `net=`
other than vgg has the batches and rates of arXiv:1411.4038, Sec. 4.3: 20 images
and 175 epochs, at 0.001 (AlexNet) and 5e-5 (GoogLeNet).
"""

import ml_collections

from configs import common

SIDE = 500
"""Of the largest image of VOC, to which the others are padded."""

RATES = {32: 1e-10, 16: 1e-12, 8: 1e-14}
"""Of the authors' solvers, for the sum of the loss; 1e-10 at once."""

NETS = {
    "alexnet": ("caffe/bvlc_reference_caffenet", 1e-3),
    "googlenet": ("torchvision/googlenet", 5e-5),
}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, net="vgg", stride=8, at_once=False, smoke=False)
  if arg.net not in ("vgg", *NETS):
    raise ValueError(f"net is vgg, alexnet or googlenet, not {arg.net!r}")
  if arg.stride not in RATES:
    raise ValueError(f"stride is 32, 16 or 8, not {arg.stride}")
  config = common.defaults()
  config.dataset = dict(name="voc2012", train="train_aug", eval="validation")
  config.augment = dict(crop=(SIDE, SIDE), scale=(1.0, 1.0), flip=False)
  config.preprocess = "caffe"
  config.loss.denominator = "all"
  # Biases learn twice as fast, and the last interpolation stays bilinear.
  config.optimizer = dict(
      name="sgd", factors=(("bias$", 2.0), (r"^upscore(8|16)?/", 0.0))
  )
  config.schedule.name = "constant"
  config.eval = dict(every_steps=4000, batch_size=1)
  if arg.net == "vgg":
    config.model = dict(name="fcn.FCN", stride=arg.stride)
    if arg.at_once:
      config.model.scales = (0.01, 0.0001)
    config.backbone = dict(name="vgg.VGG", first_padding=100, ceil_mode=True)
    first = arg.at_once or arg.stride == 32
    config.pretrained.source = (
        "torchvision/vgg16" if first else f"wkentaro/fcn{2 * arg.stride}s_vgg16"
    )
    config.optimizer.momentum = 0.99
    config.optimizer.weight_decay = 5e-4 / SIDE**2
    config.schedule.peak = (1e-10 if first else RATES[arg.stride]) * SIDE**2
    config.batch_size = 1
    config.total_steps = 300_000 if arg.at_once else 100_000
  else:
    name = {"alexnet": "AlexNet", "googlenet": "GoogLeNet"}[arg.net]
    config.model = dict(name=f"fcn.FCN{name}", stride=32)
    if arg.net == "googlenet":
      config.backbone = dict(name="googlenet.GoogLeNet", last_pool=3)
      config.preprocess = "unit"
    config.pretrained.source, config.schedule.peak = NETS[arg.net]
    config.optimizer.weight_decay = 5e-4
    config.batch_size = 20
    config.total_steps = 175 * 10_582 // 20
  return common.smoke(config) if arg.smoke else config
