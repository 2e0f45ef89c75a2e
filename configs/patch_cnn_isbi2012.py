r"""Patch classification on ISBI 2012 (Ciresan et al. 2012, NIPS, Table 2).

Paper: a Rand error of 0.048, a warping error of 0.000434 and a pixel error of
0.060 on the challenge's test slices, of four averaged networks after
post-processing; it states no mIoU. Ours: not run yet.
Cost: unknown; 20 000 steps of 160x160 windows.

  python -m experiments.prepare --dataset=isbi2012 --manual_dir=DIR
  python -m experiments.train --workdir=runs/patch_cnn_isbi2012 \
      --config=configs/patch_cnn_isbi2012.py

Network N4, trained in its dense form: 25 600 neighbouring windows a step where
the paper draws single ones, as many of membranes as of other pixels (here by
weights), turned and mirrored at random, by plain gradient descent. Its rates are
not stated; ours is annealed from 0.01.
"""

import ml_collections

from configs import common

WEIGHTS = (2.218, 0.646)
"""Of membranes, 22.5 % of the training slices' pixels, and cells: half to each."""


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, smoke=False)
  config = common.defaults()
  config.dataset = dict(name="isbi2012", train="train", eval="validation")
  config.augment = dict(crop=(160, 160), scale=(1.0, 1.0))
  config.preprocess = "unit"
  config.model = dict(name="patch_cnn.PatchCNN")
  config.loss.weights = WEIGHTS
  config.batch_size = 1
  config.optimizer = dict(name="sgd", momentum=0.0, weight_decay=0.0)
  config.schedule = dict(name="poly", peak=0.01)
  config.total_steps = 20_000
  config.eval = dict(every_steps=1000, batch_size=1, multiple=1)
  return common.smoke(config) if arg.smoke else config
