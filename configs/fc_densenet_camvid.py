r"""FC-DenseNet on CamVid (Jegou et al. 2017, arXiv:1611.09326, Table 3).

Paper: 66.9 % mIoU and 91.5 % accuracy on test for FC-DenseNet103, fine-tuned;
no pretraining. Ours: not run yet. Cost: unknown; 91 500 steps of 3 crops of
224x224 and 18 350 of a whole frame.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/fc_densenet_camvid \
      --config=configs/fc_densenet_camvid.py
  python -m experiments.train --workdir=runs/fc_densenet_finetuned \
      --config=configs/fc_densenet_camvid.py:finetune \
      --config.pretrained.run=runs/fc_densenet_camvid

`:depth=56` and `:depth=67` are the smaller networks. `:finetune` goes on from
the other run on whole frames at a tenth of the rate; the authors end
both parts by patience, here the first ends after the 750 epochs at which their
code stops at the latest, and the second after 50. BatchNorm takes the batch's
own statistics in evaluation too, as theirs (Sec. 4.1), so that frames are
evaluated one by one. RMSprop is Lasagne's: its 1e-6 under the root is a
thousandth beside it. `:cpu` has 12 epochs of 112x112 crops at half resolution.
"""

import ml_collections

from configs import common
from segjax.models import fc_densenet

EPOCHS, FINETUNE_EPOCHS, CPU_EPOCHS = 750, 50, 12
FRAMES = 367


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, depth=103, finetune=False, cpu=False, smoke=False)
  if arg.depth not in fc_densenet.SIZES:
    raise ValueError(
        f"depth is one of {tuple(fc_densenet.SIZES)}, not {arg.depth}"
    )
  growth_rate, blocks, bottleneck = fc_densenet.SIZES[arg.depth]
  config = common.defaults()
  config.dataset = dict(name="camvid", train="train", eval="validation")
  config.augment = dict(crop=(224, 224), scale=(1.0, 1.0), flip=True)
  config.model = dict(
      name="fc_densenet.FCDenseNet",
      growth_rate=growth_rate,
      blocks=blocks,
      bottleneck=bottleneck,
  )
  config.norm = dict(name="BatchNorm", epsilon=1e-4, batch_statistics=True)
  config.batch_size = 3
  steps = FRAMES // config.batch_size
  config.total_steps = EPOCHS * steps
  config.optimizer = dict(
      name="rmsprop",
      momentum=0.0,
      decay_rate=0.9,
      epsilon=1e-3,
      weight_decay=1e-4,
  )
  config.schedule = dict(
      name="exponential", peak=1e-3, decay_rate=0.995, decay_steps=steps
  )
  config.eval = dict(every_steps=10 * steps, batch_size=1, multiple=1)
  if arg.cpu:
    config.augment = dict(crop=(112, 112), resize=0.5)
    config.eval.scales = (0.5,)
    config.total_steps = CPU_EPOCHS * steps
    config.eval.every_steps = 3 * steps
    config.checkpoint.every_steps = 50
    config.log_every_steps = 20
  if arg.finetune:
    config.augment.crop = None
    config.batch_size = 1
    config.schedule = dict(peak=1e-4, decay_steps=FRAMES)
    config.total_steps = FINETUNE_EPOCHS * FRAMES
    config.eval.every_steps = FRAMES
  return common.smoke(config) if arg.smoke else config
