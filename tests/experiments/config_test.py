"""A config file, its options, and overrides on the command line."""

import pathlib

import ml_collections
import pytest

from experiments import config as config_lib

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def config():
  config = ml_collections.ConfigDict()
  config.steps, config.rate, config.name, config.on = 3, 0.5, "a", False
  config.section = dict(scales=(1.0,), crop=(65, 65), nothing=None)
  config.lock()
  return config


@pytest.mark.parametrize(
    "name, text, want",
    (
        ("steps", "8", 8),
        ("rate", "1", 1.0),
        ("rate", "1e-3", 1e-3),
        ("name", "3", "3"),
        ("on", "true", True),
        ("on", "True", True),
        ("section.scales", "(0.5, 1.0)", (0.5, 1.0)),
        ("section.scales", "0.5,1.0", (0.5, 1.0)),
        ("section.scales", "[0.5]", (0.5,)),
        ("section.scales", "0.5", (0.5,)),
        ("section.crop", "None", None),
        ("section.nothing", "7", 7),
        ("section.nothing", "word", "word"),
    ),
)
def test_an_override_takes_the_type_of_the_old_value(config, name, text, want):
  config_lib.override(config, name, text)
  value = config
  for part in name.split("."):
    value = value[part]
  assert value == want
  assert type(value) is type(want)


@pytest.mark.parametrize(
    "name, text, message",
    (
        ("step", "8", "no key 'step'; did you mean steps?"),
        ("section.scale", "8", "did you mean scales?"),
        ("sektion.scales", "8", "did you mean section?"),
        ("zzz", "8", "there are name, on, rate, section, steps"),
        ("steps", "x", "config.steps is 3, a int; it cannot be 'x'"),
        ("steps", "1.5", "cannot be '1.5'"),
        ("on", "1", "cannot be '1'"),
        ("section.scales", "abc", "cannot be 'abc'"),
        ("section", "1", "is a section; set one of its keys: crop, nothing"),
        ("steps.more", "1", "steps is a value, not a section"),
    ),
)
def test_a_mistake_in_an_override_says_what_is_possible(
    config, name, text, message
):
  with pytest.raises(ValueError) as error:
    config_lib.override(config, name, text)
  assert message in str(error.value)


def test_a_file_gets_the_options_behind_the_colon(tmp_path):
  file = tmp_path / "c.py"
  file.write_text("def get_config(arg=''): return {'arg': arg}")
  assert config_lib.load(str(file)) == {"arg": ""}
  assert config_lib.load(f"{file}:smoke,a=1") == {"arg": "smoke,a=1"}
  file.write_text("def get_config(): return {}")
  assert config_lib.load(str(file)) == {}
  with pytest.raises(ValueError, match="takes no options"):
    config_lib.load(f"{file}:smoke")
  file.write_text("x = 1")
  with pytest.raises(ValueError, match="no function get_config"):
    config_lib.load(str(file))
  with pytest.raises(
      FileNotFoundError, match=r"there is no config .* has c\.py"
  ):
    config_lib.load(str(tmp_path / "d.py"))
  (tmp_path / "c.txt").write_text("")
  with pytest.raises(ValueError, match="not a Python file"):
    config_lib.load(str(tmp_path / "c.txt"))


def test_a_saved_config_comes_back_with_its_tuples(tmp_path, config):
  (tmp_path / config_lib.FILE).write_text(config_lib.save(config))
  read = config_lib.read(tmp_path)
  assert read.section.scales == (1.0,)
  assert config_lib.differences(config, read) == []
  read.section.scales = (0.5,)
  read.steps = 4
  assert config_lib.differences(config, read) == ["section.scales", "steps"]


def test_what_is_no_workdir_is_an_error(tmp_path):
  with pytest.raises(FileNotFoundError, match="there is no workdir"):
    config_lib.read(tmp_path / "no")
  with pytest.raises(FileNotFoundError, match="it has no config"):
    config_lib.read(tmp_path)
  (tmp_path / config_lib.FILE).write_text("{")
  with pytest.raises(ValueError, match="is damaged"):
    config_lib.read(tmp_path)
