"""What all configs share: every key with its default, options, smoke runs."""

from types import SimpleNamespace
from typing import Any

import ml_collections

OPEN = ("model", "backbone", "norm", "loss", "options")
"""Sections whose keys depend on the name in them."""

SMALL = {
    "resnet.ResNet": dict(stage_sizes=(1, 1, 1, 1), width=8),
    "vgg.VGG": dict(stage_sizes=(1, 1, 1, 1, 1), width=8),
    "alexnet.AlexNet": dict(width=1 / 16),
    "mobilenet.MobileNetV2": dict(width=0.25),
    "unet.UNet": dict(features=(8, 16, 32)),
    "fcn.FCN": dict(features=32),
    "fcn.FCNAlexNet": dict(features=32),
    "deconvnet.DeconvNet": dict(features=32, window=2),
    "segnet.SegNetBasic": dict(features=8, kernel_size=3),
    "patch_cnn.PatchCNN": dict(
        window=21, kernel_sizes=(4, 4), features=8, hidden=16
    ),
    "fcn.DilatedFCN": dict(features=16),
    "crf_rnn.CRFRNN": dict(features=32),
    "dpn.DPN": dict(features=32, window=8),
    "xception.AlignedXception": dict(middle=1, width=4),
    "drn.DRN": dict(stage_sizes=(1,) * 8, width=4),
    "dilated.DilatedNet": dict(features=16, kernel_size=1, margin=31),
    "deeplab_v1.DeepLabV1": dict(features=16),
    "deeplab_v3.DeepLabV3Cascade": dict(width=8),
    "deeplab_v3.DeepLabV3": dict(features=16),
    "deeplab_v3plus.DeepLabV3Plus": dict(features=16),
    "pspnet.PSPNet": dict(features=16),
    "densenet.DenseNet": dict(stage_sizes=(1, 1, 1, 1), growth=8, width=8),
    "denseaspp.DenseASPP": dict(inner_features=8, features=8),
    "encnet.EncNet": dict(features=16, num_codes=4),
    "segjax.models.icnet.CascadeResNet": dict(
        stage_sizes=(1, 2, 1, 1), width=8, deep_stem=(8, 8, 8)
    ),
    "icnet.ICNet": dict(low_features=16, features=16),
    "hrnet.HRNet": dict(width=4, modules=(1, 1, 1), size=1, first_size=1),
    "ocrnet.OCRNet": dict(features=16, key_features=8),
    "frrn.FRRN": dict(
        encoder=((1, 8), (1, 8)), decoder=((1, 8),), features=8, lanes=4
    ),
    "fc_densenet.FCDenseNet": dict(
        growth_rate=4, blocks=(1, 2), bottleneck=2, features=8
    ),
    "refinenet.RefineNet": dict(features=8, coarse_features=16),
    "refinenet.LightWeightRefineNet": dict(features=8, coarse_features=16),
    "gcn.GCN": dict(kernel_size=5),
    "dfn.DFN": dict(features=16, border_features=8),
    "xception39.Xception39": dict(stage_sizes=(1, 1, 1)),
    "bisenet.BiSeNet": dict(
        spatial_features=(8, 8, 8, 16),
        context_features=16,
        fusion_features=32,
        head_features=16,
        aux_features=16,
    ),
    "ddsc.DDSC": dict(
        features=(32, 16, 16, 16), adapt_blocks=1, blocks=1, groups=4
    ),
    "exfuse.ExFuse": dict(kernel_size=7),
}
"""What makes a network small while its graph stays the same."""


class Config(ml_collections.ConfigDict):
  """A ConfigDict in which `config.section = dict(...)` keeps the other keys.

  So a config states what it changes. In an open section, such as `model`, the
  dict is all there is. A key that does not exist is an error.
  """

  def __setitem__(self, key: str, value: Any) -> None:
    section = self.get(key)
    if (
        key not in OPEN
        and isinstance(value, dict)
        and isinstance(section, ml_collections.ConfigDict)
    ):
      for name, part in value.items():
        section[name] = part
    else:
      super().__setitem__(key, value)

  __setattr__ = __setitem__


def defaults() -> ml_collections.ConfigDict:
  """Every key there is."""
  config = Config()

  # Data.
  config.dataset = dict(
      name="shapes",  # as in `experiments.prepare`, or "package.module.Class"
      train="train",  # the split to train on, such as "train+validation"
      eval="validation",  # the split to evaluate on during training
      data_dir="data",  # where `experiments.prepare` has put it
      options={},  # keywords of the data set's builder
      prepare=False,  # make it if it is missing (it must need no download)
      mixture=(),  # more to train on, (("camvid", "train", 0.5),): the number
      # says how often it is drawn from for each time of the data set above
      class_balanced=False,  # draws examples so that classes take turns
      on_damaged="error",  # or "skip": the next example stands in, and a log
  )
  config.augment = dict(
      crop=(513, 513),  # height and width in training, None for whole images
      scale=(0.5, 2.0),  # range of the random factor
      flip=True,  # left and right, every second time
      jitter=0.0,  # strength of the photometric jitter, 0 to 1
      resize=1.0,  # a fixed factor before all else
      rotation=0.0,  # up to so many degrees, either way
      elastic=0.0,  # U-Net's deformation: standard deviation in pixels
      padding="mean",  # the colour beyond the image, or its "mirror" image
      class_limit=1.0,  # the largest share of one class in a crop
      blur=0.0,  # the largest standard deviation of a Gaussian, in pixels
      cutout=0,  # side of a square cut out of image and label, in pixels
      border_weights=(),  # w_0 and sigma of U-Net's map of weights: (10., 5.)
      border_classes=(1,),  # whose connected parts are its objects
  )
  config.augment_on = "host"  # or "device", under jit
  config.batch_size = 16  # over all devices and hosts
  config.num_threads = 2  # that read and augment batches
  config.preprocess = "imagenet"  # or "caffe", "unit", "none"; ops.normalize

  # Network. A name is looked up in segjax.models, segjax.backbones and
  # segjax.layers, or is "package.module.Class"; the other keys of these
  # sections are the attributes of the class.
  config.model = dict(name="unet.UNet")
  config.backbone = dict(name="")  # "" for the model's own
  config.norm = dict(name="")  # "" for the model's own, else "BatchNorm"...
  config.pretrained = dict(
      source="",  # starts from these weights; the names in convert.sources()
      file="",  # .safetensors, .npz or .pth; "" downloads the official one
      run="",  # rather from the best checkpoint of another run: its workdir
  )

  # Loss: a function of segjax.losses and its keywords, on "logits". `aux` has
  # those of the other outputs: a number is the weight of the same loss,
  # dict(name="presence", weight=0.2, ...) another loss with its keywords. A
  # second loss of an output has a name behind a slash, "logits/dice".
  config.loss = dict(
      name="cross_entropy",
      aux={},  # {"aux": 0.4, "presence": {"name": "presence", "weight": 0.2}}
      weights=(),  # one per class, () for none
      balance="",  # or weights counted on the training split: losses.weights
      denominator="valid",  # the pixels to divide by: "valid", "weight", "all"
      label_smoothing=0.0,
  )

  # Optimisation.
  config.total_steps = 30_000
  config.seed = 0
  config.optimizer = dict(
      name="sgd",  # or "adamw", "rmsprop"
      momentum=0.9,  # AdamW's beta_1
      nesterov=False,  # SGD only
      decay_rate=0.999,  # of squared gradients: AdamW's beta_2, RMSprop's alpha
      epsilon=1e-8,  # added to their root
      weight_decay=1e-4,
      decay_vectors=False,  # biases, scales and shifts decay as well
      head_factor=1.0,  # multiplies the rate of all that is not the backbone
      factors=(),  # ((regular expression in the parameter's path, factor),)
      clip_norm=0.0,  # largest norm of the gradient, 0 for any
  )
  config.schedule = dict(
      name="poly",  # or "cosine", "constant", "exponential"
      peak=0.01,  # the learning rate after the warm-up
      power=0.9,  # poly only
      end=0.0,  # the learning rate at the end
      decay_rate=0.1,  # exponential only: the factor of each period
      decay_steps=1,  # exponential only: the steps of a period
      warmup_steps=0,
  )
  config.accumulation_steps = 1  # parts of the batch done one after the other
  config.ema_decay = 0.0  # of a moving average of the weights, 0 for none

  # Machine.
  config.precision = "float32"  # or "bfloat16", of activations
  # Submodules to recompute, such as "backbone/layer[1-4]"; "@convolutions"
  # behind it keeps what convolutions gave.
  config.remat = ""
  config.parallel = "jit"  # over the mesh, or "pmap": BatchNorm of each device
  config.mesh = dict(
      data=0,  # devices over the rows of a batch, 0 for all that are left
      space=1,  # devices over the height of an image
  )

  # Looking at it.
  config.log_every_steps = 50
  config.eval = dict(
      every_steps=1000,  # and at the end; 0 for never
      batch_size=8,
      scales=(1.0,),  # of the averaged views
      flip=False,  # adds their mirror images
      multiple=32,  # sizes are padded to multiples of this
      pictures=4,  # shown in TensorBoard
  )
  config.checkpoint = dict(
      every_steps=1000,  # and at each evaluation, and at the end
      keep=2,  # latest, beside the best
  )
  config.profile = dict(first=0, last=0)  # steps, counted from 1; 0 for none
  config.lock()
  return config


def parse(arg: str, **options: Any) -> SimpleNamespace:
  """The options behind the colon in `--config=FILE:arg`, over their defaults.

  "smoke,output_stride=8" with `smoke=False, output_stride=16`. A name alone
  means True.

  Raises:
    ValueError: an option that is not there, or a value of another type.
  """
  values = dict(options)
  for item in filter(None, arg.split(",")):
    name, equals, text = item.strip().partition("=")
    if name not in options:
      raise ValueError(
          f"the config has no option {name!r}; it has"
          f" {', '.join(sorted(options)) or 'none'}"
      )
    kind = type(options[name])
    try:
      if kind is bool:
        value = {"": True, "true": True, "false": False}[text.lower()]
      elif not equals:
        raise ValueError
      else:
        value = kind(text)
    except (ValueError, KeyError):
      raise ValueError(
          f"the config's option {name} is a {kind.__name__}, not {text!r}"
      ) from None
    values[name] = value
  return SimpleNamespace(**values)


def smoke(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """The same network and recipe, small enough to run in seconds without data.

  Three steps on synthetic scenes, with networks cut to `SMALL`.
  """
  for section in (config.model, config.backbone):
    section.update(SMALL.get(section.name, {}))
  backbone = config.backbone
  if backbone.get("multi_grid"):
    backbone.stage_sizes = (1, 1, 1, len(backbone.multi_grid))
  if backbone.get("groups", 1) > 1:
    backbone.update(groups=4, width_per_group=8)
  config.dataset = dict(
      name="shapes",
      train="train",
      eval="validation",
      data_dir="data/smoke",
      options=dict(num_classes=4, size=(48, 64), train=8, validation=2),
      prepare=True,
  )
  if config.augment.crop:
    config.augment.crop = (65, 65)
  config.batch_size = 2
  config.total_steps = 3
  config.log_every_steps = 1
  for loss in (config.loss, *config.loss.get("aux", {}).values()):
    if isinstance(loss, ml_collections.ConfigDict):
      _shrink_loss(loss)
  config.pretrained = dict(source="", file="", run="")
  config.accumulation_steps = min(config.accumulation_steps, 2)
  config.schedule.warmup_steps = min(config.schedule.warmup_steps, 1)
  config.eval = dict(every_steps=3, batch_size=2, scales=(1.0,), pictures=1)
  config.checkpoint = dict(every_steps=2, keep=1)
  return config


def _shrink_loss(loss: ml_collections.ConfigDict) -> None:
  """Cuts what a loss says about the data set's classes and image size."""
  if "weights" in loss:
    loss.weights = ()
  for name in ("pixels", "min_kept"):
    if name in loss:
      loss[name] = min(loss[name], 1000)
