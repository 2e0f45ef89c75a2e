"""Sections keep what a config does not change; options are strict."""

import pytest

from configs import common


def test_a_section_keeps_the_keys_that_are_not_named():
  config = common.defaults()
  config.schedule = dict(name="cosine", peak=1)
  assert config.schedule.peak == 1.0
  assert config.schedule.warmup_steps == 0
  config.dataset = dict(name="voc2012", options=dict(seed=3))
  assert config.dataset.data_dir == "data"
  assert config.dataset.options.to_dict() == {"seed": 3}


def test_an_open_section_is_what_it_is_set_to():
  config = common.defaults()
  config.model = dict(name="unet.UNet", padding="same")
  config.model = dict(name="deeplab_v3.DeepLabV3", rates=(1,))
  config.model.rates = (2,)
  assert config.model.to_dict() == {
      "name": "deeplab_v3.DeepLabV3",
      "rates": (2,),
  }


def test_a_key_that_does_not_exist_cannot_be_set():
  config = common.defaults()
  with pytest.raises((KeyError, AttributeError), match="total_step"):
    config.total_step = 3
  with pytest.raises((KeyError, AttributeError), match="nme"):
    config.schedule = dict(nme="poly")


def test_options_are_parsed_strictly():
  arg = common.parse("smoke,output_stride=8", smoke=False, output_stride=16)
  assert (arg.smoke, arg.output_stride) == (True, 8)
  assert common.parse("", smoke=False).smoke is False
  with pytest.raises(ValueError, match="no option 'smok'; it has smoke, x"):
    common.parse("smok", smoke=False, x=1)
  for text in ("x", "x=", "x=a"):
    with pytest.raises(ValueError, match="x is a int"):
      common.parse(text, x=1)


def test_a_smoke_run_is_small_and_keeps_the_recipe():
  config = common.defaults()
  config.model = dict(name="deeplab_v3.DeepLabV3", rates=(6,), features=256)
  config.backbone = dict(name="resnet.ResNet", multi_grid=(1, 2, 4))
  config.schedule = dict(name="cosine", warmup_steps=500)
  hard = dict(name="bootstrapped_cross_entropy", weight=0.5, pixels=32768)
  config.loss = dict(
      name="cross_entropy", aux=dict(aux=0.4, other=hard), weights=(1.0,)
  )
  config = common.smoke(config)
  assert config.model.rates == (6,)
  assert config.model.features < 256
  assert config.backbone.stage_sizes == (1, 1, 1, 3)
  assert config.schedule.name == "cosine"
  assert config.schedule.warmup_steps <= config.total_steps <= 3
  assert config.dataset.name == "shapes"
  assert config.dataset.prepare
  assert config.loss.aux.aux == 0.4
  assert config.loss.aux.other.to_dict() == hard | {"pixels": 1000}
  assert config.loss.weights == ()
