r"""Thirteen networks on CamVid with one recipe (ours, 2026).

Paper: none; each has a recipe of its own. Ours: a row for each network in
docs/results.md. Cost: see there.

  python -m experiments.prepare --dataset=camvid --manual_dir=DIR
  python -m experiments.train --workdir=runs/camvid_bisenet \
      --config=configs/camvid.py:network=bisenet_r18

All start from nothing and see the same crops in the same order, with AdamW, a
cosine and the class weights of configs/unet_camvid.py: 12 000 steps of 8 crops
of 352x480. `cpu` is what a CPU core can afford: frames at a third of the
resolution, every layer with a quarter of its channels, 1500 steps of 4 crops of
120x160, a whole frame each. The image around FCN-8s is padded by 36 there, for an
fc6 of 3x3, rather than by 100 for one of 7x7.
"""

from typing import Any

import ml_collections

from configs import common, unet_camvid
from segjax.models import fc_densenet, frrn


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  arg = common.parse(arg, network="bisenet_r18", cpu=False, smoke=False)
  if arg.network not in NETWORKS:
    raise ValueError(
        f"network is one of {', '.join(NETWORKS)}, not {arg.network!r}"
    )
  config = unet_camvid.get_config()
  sections = NETWORKS[arg.network](4 if arg.cpu else 1)
  config.model, config.backbone = sections["model"], sections["backbone"]
  config.loss.aux = sections["aux"]
  if arg.cpu:
    config.augment = dict(crop=(120, 160), resize=1 / 3)
    config.eval.scales = (1 / 3,)
    config.batch_size = 4
    config.total_steps = 1500
    config.schedule.warmup_steps = 60
    config.eval.every_steps = 300
    config.checkpoint.every_steps = 100
    config.log_every_steps = 20
  return common.smoke(config) if arg.smoke else config


def _sections(
    model: dict[str, Any],
    backbone: dict[str, Any] | None = None,
    **aux: float,
) -> dict[str, Any]:
  return dict(model=model, backbone=backbone or dict(name=""), aux=aux)


def _resnet(sizes, bottleneck, width, **options) -> dict[str, Any]:
  return dict(
      name="resnet.ResNet",
      stage_sizes=sizes,
      bottleneck=bottleneck,
      width=width,
      **options,
  )


def _unet(cut: int) -> dict[str, Any]:
  features = tuple(64 * 2**i // cut for i in range(5))
  return _sections(
      dict(
          name="unet.UNet", padding="same", dropout_rate=0.0, features=features
      )
  )


def _segnet_basic(cut: int) -> dict[str, Any]:
  return _sections(dict(name="segnet.SegNetBasic", features=64 // cut))


def _segnet(cut: int) -> dict[str, Any]:
  vgg = dict(name="vgg.VGG", width=64 // cut, ceil_mode=True, switches=True)
  return _sections(dict(name="segnet.SegNet"), vgg)


def _patch_cnn(cut: int) -> dict[str, Any]:
  return _sections(
      dict(name="patch_cnn.PatchCNN", features=48 // cut, hidden=200 // cut)
  )


def _fcn8s(cut: int) -> dict[str, Any]:
  """Trained at once (Shelhamer et al. 2017, Sec. 4.3).

  The pools are not scaled: fresh weights and BatchNorm leave them alike.
  """
  padding, head_size = (100, 7) if cut == 1 else (36, 3)
  vgg = dict(
      name="vgg.VGG", width=64 // cut, first_padding=padding, ceil_mode=True
  )
  origins = tuple(origin + 100 - padding for origin in (-95.5, -91.5, -83.5))
  model = dict(
      name="fcn.FCN",
      features=4096 // cut,
      head_size=head_size,
      origins=origins,
  )
  return _sections(model, vgg)


def _frrn_a(cut: int) -> dict[str, Any]:
  thinner = lambda stages: tuple((n, width // cut) for n, width in stages)
  return _sections(
      dict(
          name="frrn.FRRN",
          encoder=thinner(frrn.FRRN_A["encoder"]),
          decoder=thinner(frrn.FRRN_A["decoder"]),
          features=48 // cut,
          lanes=32 // cut,
      )
  )


def _fc_densenet(depth: int):
  growth_rate, blocks, bottleneck = fc_densenet.SIZES[depth]
  return lambda cut: _sections(
      dict(
          name="fc_densenet.FCDenseNet",
          growth_rate=growth_rate // cut,
          blocks=blocks,
          bottleneck=bottleneck,
          features=48 // cut,
      )
  )


def _deeplab_v3plus(sizes, bottleneck: bool, features: int, low_level: int):
  return lambda cut: _sections(
      dict(
          name="deeplab_v3plus.DeepLabV3Plus",
          features=features // cut,
          low_level_features=low_level // cut,
          aux_features=features // cut // (1 if bottleneck else 2),
      ),
      _resnet(sizes, bottleneck, 64 // cut, output_stride=16),
      aux=0.4,
  )


def _pspnet(cut: int) -> dict[str, Any]:
  model = dict(
      name="pspnet.PSPNet", features=512 // cut, aux_features=256 // cut
  )
  return _sections(
      model, _resnet((3, 4, 6, 3), True, 64 // cut, output_stride=8), aux=0.4
  )


def _bisenet(cut: int) -> dict[str, Any]:
  model = dict(
      name="bisenet.BiSeNet",
      spatial_features=tuple(n // cut for n in (64, 64, 64, 128)),
      context_features=128 // cut,
      fusion_features=256 // cut,
      head_features=64 // cut,
      aux_features=256 // cut,
  )
  resnet = _resnet((2, 2, 2, 2), False, 64 // cut)
  return _sections(model, resnet, aux16=1.0, aux32=1.0)


NETWORKS = {
    "patch_cnn": _patch_cnn,
    "fcn8s": _fcn8s,
    "unet": _unet,
    "segnet_basic": _segnet_basic,
    "segnet": _segnet,
    "fc_densenet56": _fc_densenet(56),
    "fc_densenet67": _fc_densenet(67),
    "fc_densenet103": _fc_densenet(103),
    "frrn_a": _frrn_a,
    "pspnet_r50": _pspnet,
    "deeplab_v3plus_r18": _deeplab_v3plus((2, 2, 2, 2), False, 128, 12),
    "deeplab_v3plus_r50": _deeplab_v3plus((3, 4, 6, 3), True, 256, 48),
    "bisenet_r18": _bisenet,
}
"""Name -> its sections, given by how much the channels are cut."""
