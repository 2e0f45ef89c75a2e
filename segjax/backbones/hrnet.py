"""High-resolution networks, Wang et al. 2020 (arXiv:1908.07919)."""

from collections.abc import Sequence
import functools

from flax import linen as nn
from jaxtyping import Array, Float

from segjax import layers, ops
from segjax.backbones import resnet

FUSIONS = {"nearest": ops.resize_nearest, "bilinear": ops.resize_bilinear}
"""How a coarse branch reaches the size of a finer one."""


class Exchange(nn.Module):
  """Every branch becomes the sum of all, at its own resolution (Fig. 3).

  A finer branch comes down by strided 3x3 convolutions, a coarser one up by a
  1x1 convolution and a resize to the size of the result, whatever that is.

  Attributes:
    fusion: a key of `FUSIONS`.
    resize_twice: whether a coarser branch grows by its factor first, and from
      there to the size of the result; they differ where sizes are odd.
    outputs: how many of the finest branches are made, all where None.
    norm: makes the normalisation layers.
  """

  fusion: str = "nearest"
  resize_twice: bool = False
  outputs: int | None = None
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, branches: Sequence[Float[Array, "n _ _ _"]], *, train: bool
  ) -> list[Float[Array, "n _ _ _"]]:
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    resize = FUSIONS[self.fusion]
    results = []
    for i, own in enumerate(branches[: self.outputs]):
      width, total = own.shape[-1], 0
      for j, x in enumerate(branches):
        name = f"from{j}_to{i}"
        if j > i:
          x = conv(width, 1, act=None, name=name)(x, train=train)
          if self.resize_twice:
            x = resize(x, [size * 2 ** (j - i) for size in x.shape[1:3]])
          x = resize(x, own.shape[1:3])
        for k in range(i - j):
          last = k == i - j - 1
          down = conv(
              width if last else x.shape[-1],
              stride=2,
              act=None if last else nn.relu,
              name=f"{name}_{k}",
          )
          x = down(x, train=train)
        total = total + x
      results.append(nn.relu(total))
    return results


class Module(nn.Module):
  """Residual blocks in every branch, then an exchange (Sec. 3.2, Fig. 2).

  Attributes:
    size: blocks in each branch.
    fusion: see `Exchange`, as are the next two.
    norm: makes the normalisation layers.
  """

  size: int = 4
  fusion: str = "nearest"
  resize_twice: bool = False
  outputs: int | None = None
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, branches: Sequence[Float[Array, "n _ _ _"]], *, train: bool
  ) -> list[Float[Array, "n _ _ _"]]:
    branches = list(branches)
    for i, x in enumerate(branches):
      block = functools.partial(resnet.BasicBlock, x.shape[-1], norm=self.norm)
      stage = resnet.Stage((block,) * self.size, name=f"branch{i}")
      branches[i] = stage(x, train=train)
    exchange = Exchange(
        self.fusion, self.resize_twice, self.outputs, self.norm, name="exchange"
    )
    return exchange(branches, train=train)


class HRNet(nn.Module):
  """HRNet as a feature pyramid: four branches, never narrowed to one (Table 1).

  The defaults are HRNet-W18. `c1` is the first convolution; `c2` to `c5` are
  the four branches, at strides 4 to 32 and with C, 2C, 4C and 8C channels;
  `branch0` to `branch3` are further names of the same four. A model takes the
  heads from there: HRNetV1 the first, V2 all, V2p a pyramid of them (Fig. 4;
  `segjax.models.hrnet`).

  Attributes:
    width: C, the channels of the finest branch: 18, 32, 48.
    modules: modularised blocks in stages 2 to 4.
    size: residual units in each branch of a module.
    first_size: bottlenecks of stage 1.
    fusion: "nearest" (classification, detection, pose) or "bilinear"
      (segmentation), else ValueError. The weights stay the same.
    resize_twice: see `Exchange`; mmsegmentation does.
    multi_scale: whether the last exchange feeds all branches. False, for
      HRNetV1: the finest alone, and there is no `c3`, `c4` and `c5`.
    norm: makes the normalisation layers.
  """

  width: int = 18
  modules: tuple[int, ...] = (1, 4, 3)
  size: int = 4
  first_size: int = 4
  fusion: str = "nearest"
  resize_twice: bool = False
  multi_scale: bool = True
  norm: layers.ModuleDef = layers.BatchNorm

  @nn.compact
  def __call__(
      self, image: Float[Array, "n h w 3"], *, train: bool
  ) -> dict[str, Float[Array, "n _ _ _"]]:
    self._check()
    conv = functools.partial(layers.ConvNormAct, norm=self.norm)
    features = {"c1": conv(64, stride=2, name="conv1")(image, train=train)}
    x = conv(64, stride=2, name="conv2")(features["c1"], train=train)
    block = functools.partial(resnet.Bottleneck, 64, 256, norm=self.norm)
    stage1 = resnet.Stage((block,) * self.first_size, name="layer1")
    branches = [stage1(x, train=train)]
    for stage, modules in enumerate(self.modules, start=2):
      name = f"transition{stage - 1}"
      coarser = conv(self.width * 2 ** (stage - 1), stride=2, name=f"{name}_1")
      coarser = coarser(branches[-1], train=train)
      if stage == 2:
        finest = conv(self.width, name=f"{name}_0")
        branches = [finest(branches[0], train=train)]
      branches = [*branches, coarser]
      for i in range(modules):
        last = stage == 4 and i == modules - 1
        module = Module(
            self.size,
            self.fusion,
            self.resize_twice,
            1 if last and not self.multi_scale else None,
            self.norm,
            name=f"stage{stage}_{i}",
        )
        branches = module(branches, train=train)
    for i, x in enumerate(branches):
      features[f"c{i + 2}"] = features[f"branch{i}"] = x
    return features

  def _check(self):
    if self.fusion not in FUSIONS:
      raise ValueError(
          f"fusion is {self.fusion!r}; possible are {sorted(FUSIONS)}"
      )
    if len(self.modules) != 3:
      raise ValueError(
          f"modules is {self.modules}; it must have one number for each of"
          " stages 2, 3 and 4"
      )
