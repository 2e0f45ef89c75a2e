"""COCO-Stuff: things and stuff of COCO, 171 classes (arXiv:1612.03716)."""

import pathlib
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from segjax.data import labels
from segjax.data.datasets import archive, base, codecs

# labels.txt, less the 11 things of COCO that nobody has outlined.
_CLASSES = """
1: person
2: bicycle
3: car
4: motorcycle
5: airplane
6: bus
7: train
8: truck
9: boat
10: traffic light
11: fire hydrant
13: stop sign
14: parking meter
15: bench
16: bird
17: cat
18: dog
19: horse
20: sheep
21: cow
22: elephant
23: bear
24: zebra
25: giraffe
27: backpack
28: umbrella
31: handbag
32: tie
33: suitcase
34: frisbee
35: skis
36: snowboard
37: sports ball
38: kite
39: baseball bat
40: baseball glove
41: skateboard
42: surfboard
43: tennis racket
44: bottle
46: wine glass
47: cup
48: fork
49: knife
50: spoon
51: bowl
52: banana
53: apple
54: sandwich
55: orange
56: broccoli
57: carrot
58: hot dog
59: pizza
60: donut
61: cake
62: chair
63: couch
64: potted plant
65: bed
67: dining table
70: toilet
72: tv
73: laptop
74: mouse
75: remote
76: keyboard
77: cell phone
78: microwave
79: oven
80: toaster
81: sink
82: refrigerator
84: book
85: clock
86: vase
87: scissors
88: teddy bear
89: hair drier
90: toothbrush
92: banner
93: blanket
94: branch
95: bridge
96: building-other
97: bush
98: cabinet
99: cage
100: cardboard
101: carpet
102: ceiling-other
103: ceiling-tile
104: cloth
105: clothes
106: clouds
107: counter
108: cupboard
109: curtain
110: desk-stuff
111: dirt
112: door-stuff
113: fence
114: floor-marble
115: floor-other
116: floor-stone
117: floor-tile
118: floor-wood
119: flower
120: fog
121: food-other
122: fruit
123: furniture-other
124: grass
125: gravel
126: ground-other
127: hill
128: house
129: leaves
130: light
131: mat
132: metal
133: mirror-stuff
134: moss
135: mountain
136: mud
137: napkin
138: net
139: paper
140: pavement
141: pillow
142: plant-other
143: plastic
144: platform
145: playingfield
146: railing
147: railroad
148: river
149: road
150: rock
151: roof
152: rug
153: salad
154: sand
155: sea
156: shelf
157: sky-other
158: skyscraper
159: snow
160: solid-other
161: stairs
162: stone
163: straw
164: structural-other
165: table
166: tent
167: textile-other
168: towel
169: tree
170: vegetable
171: wall-brick
172: wall-concrete
173: wall-other
174: wall-panel
175: wall-stone
176: wall-tile
177: wall-wood
178: water-other
179: waterdrops
180: window-blind
181: window-other
182: wood
"""
_TABLE = labels.parse_classes(_CLASSES)
_MAPS = "stuffthingmaps_trainval2017.zip"
YEARS = {"train": "train2017", "validation": "val2017"}
"""The folders of COCO 2017 by split."""

_10K = "cocostuff-10k-v1.1.zip"


class CocoStuff(base.Builder):
  """COCO-Stuff, 80 things and 91 stuffs.

  Caesar et al. 2018, "COCO-Stuff: thing and stuff classes in context". The
  configuration "164k" has 118287 train and 5000 validation images of COCO
  2017; "10k", version 1.1, 9000 and 1000 of COCO 2014's train, called train
  and test in its lists.
  """

  VERSION = tfds.core.Version("1.0.0")
  MANUAL_DOWNLOAD_INSTRUCTIONS = "See docs/datasets.md#coco_stuff."
  BUILDER_CONFIGS: ClassVar = [
      tfds.core.BuilderConfig(name="164k", description="COCO 2017"),
      tfds.core.BuilderConfig(name="10k", description="version 1.1"),
  ]
  LABELS = _TABLE.labels

  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    if self.builder_config.name == "10k":  # 0 is unlabelled, as in labels.txt.
      self.TRAIN_IDS = {0: labels.VOID} | _thing_and_stuff_ids()
      self.COUNTS = {"train": 9000, "validation": 1000}
    else:  # In the maps a label is one less, and 255 unlabelled.
      ids = {i - 1: train_id for i, train_id in _thing_and_stuff_ids().items()}
      self.TRAIN_IDS = ids | {255: labels.VOID}
      self.COUNTS = {"train": 118287, "validation": 5000}

  def pairs(self, root: pathlib.Path) -> dict[str, list[base.Pair]]:
    if self.builder_config.name == "10k":
      return _pairs_10k(root)
    maps = _maps(root)
    return {
        split: base.pair_up(
            coco_images(root, year),
            maps.files(rf"{year}/(\d{{12}})\.png"),
            expected=f"{maps.path}/{year}/{{}}.png",
        )
        for split, year in YEARS.items()
    }

  def decode_label(self, file: archive.File) -> np.ndarray:
    if file.name.endswith(".mat"):
      return codecs.matlab_labels(file, "S")
    return super().decode_label(file)


def coco_images(root: pathlib.Path, year: str) -> dict[str, archive.File]:
  """The images of COCO by number, from "train2017.zip" or a folder.

  Raises:
    FileNotFoundError: if there is neither.
  """
  if (root / "images" / year).is_dir():
    root = root / "images"
  images = archive.open_either(root, f"{year}.zip", year)
  return images.files(rf"{year}/(\d{{12}})\.jpg")


def _maps(root: pathlib.Path) -> archive.Archive:
  """The label maps, as "train2017/000000000009.png"."""
  return archive.open_archive(
      archive.find(root, _MAPS, "annotations", "stuffthingmaps")
  )


def _pairs_10k(root: pathlib.Path) -> dict[str, list[base.Pair]]:
  files = archive.open_either(root, _10K, "imageLists")
  tops = files.files(r"(|.*/)imageLists/train\.txt")
  if not tops:
    raise FileNotFoundError(f"{files.path} has no imageLists/train.txt.")
  top = min(tops, key=len)

  def pair(i: str) -> base.Pair:
    image = files.file(f"{top}images/{i}.jpg")
    return base.Pair(i, image, files.file(f"{top}annotations/{i}.mat"))

  lists = {"train": "train", "validation": "test"}
  return {
      split: [pair(i) for i in files.lines(f"{top}imageLists/{name}.txt")]
      for split, name in lists.items()
  }


def _thing_and_stuff_ids() -> dict[int, int]:
  """Train ids by the labels of labels.txt."""
  return {i: t for i, t in _TABLE.ids.items() if t != labels.VOID}
