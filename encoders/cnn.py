"""A photo's features: a backbone of torchvision or timm, cut where its stride is right, read as a grid of vectors.

Knows nothing of words. `ImageEncoder` maps (B, 3, S, S) to (B, L, D), L row-major over `grid`.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torchvision import models
from torchvision.models.resnet import BasicBlock, ResNet

from runtime.errors import SettingError

from .imagenet import PACKAGED, weights_unavailable
from .timm_backbone import PREFIX, TimmBackbone, is_timm, pretrained_preprocessing


def compact() -> ResNet:
    """The bundled encoder: a ResNet for small photos, 7.5 M parameters, total stride 16.

    Against ResNet-18 the stem is 3x3 and nothing is pooled after it, so that a 128-pixel photo still gives an
    8x8 grid; one block of the first stage moved to the third, and one of the last was left out.
    """
    net = ResNet(BasicBlock, [1, 2, 3, 1])
    net.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    net.maxpool = nn.Identity()
    return net


def tiny() -> nn.Sequential:
    """For small drawn pictures: four 3x3 convolutions that halve the side each, 0.4 M parameters, total stride 16."""
    widths = (3, 32, 64, 128, 256)
    return nn.Sequential(*(
        nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        for a, b in pairwise(widths)
    ))  # fmt: skip


BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "compact": compact,
    "tiny": tiny,
    "resnet18": models.resnet18,
    "resnet34": models.resnet34,
    "resnet50": models.resnet50,
    "resnet101": models.resnet101,
    "mobilenet_v3_large": models.mobilenet_v3_large,
    "efficientnet_v2_s": models.efficientnet_v2_s,
    "convnext_tiny": models.convnext_tiny,
    "vgg19": models.vgg19,
}


MAX_SIZE = 2048  # pixels a side: beyond, one photo fills the memory


class ImageEncoder(nn.Module):
    """(B, 3, S, S) normalised photos -> (B, L, D) features, one vector a grid cell, row-major.

    Args:
        name: a key of `BACKBONES`, `efficientnet_lite0`, `1` or `2`, or `timm/` and any name that timm knows.
        stride: pixels a grid cell covers, 16 or 32. The backbone is read at the last layer that has this stride.
        image_size: S, the side of the photos it will be given.
        imagenet: start from ImageNet weights (see `encoders.imagenet`); else from random ones.

    Attributes:
        feature_size: D.
        grid: (rows, cols); L = rows * cols.
        folded_from: fingerprint of the weights as they were trained, where they were since folded for inference.

    Raises:
        SettingError: an unknown name, a stride or a size the backbone does not have, or weights that are nowhere.
        ModelError: an installed weights package is damaged.
    """

    def __init__(self, name: str = "compact", *, stride: int = 16, image_size: int = 224, imagenet: bool = False):
        super().__init__()
        self.folded_from: str | None = None
        if name not in BACKBONES and not is_timm(name):
            raise SettingError(
                f"there is no encoder {name!r}; choose one of {', '.join((*BACKBONES, *PACKAGED))}, or {PREFIX}NAME "
                "with any name that timm knows."
            )
        if not stride <= image_size <= MAX_SIZE:
            raise SettingError(
                f"image size is {image_size}; choose at least {stride}, the encoder's stride, and at most {MAX_SIZE}."
            )
        self.name, self.stride, self.image_size = name, stride, image_size
        if is_timm(name):
            self.trunk = TimmBackbone(name, stride=stride, image_size=image_size, imagenet=imagenet)
        else:
            self.trunk = _truncate(_imagenet(name) if imagenet else BACKBONES[name](), name, stride)
        # Convolutions are fastest on the CPU, and on GPUs in half precision, with the channels innermost in memory.
        self.to(memory_format=torch.channels_last)
        _, self.feature_size, *grid = self._output_shape()
        self.grid: tuple[int, int] = tuple(grid)

    def _output_shape(self) -> torch.Size:
        size = self.image_size
        try:
            return _meta_forward(self.trunk, torch.empty(1, 3, size, size)).shape
        except (AssertionError, RuntimeError) as error:  # a network made for one size, or for multiples of some number
            raise SettingError(
                f"{self.name} cannot take photos of {size} pixels ({error}); choose another size."
            ) from None

    @property
    def layers(self) -> list[nn.Module]:
        """The backbone's layers that have weights, first to last; blocks that lie in a list count one by one."""
        layers = [layer for child in self._network.children() for layer in _in_order(child)]
        return [layer for layer in layers if any(True for _ in layer.parameters())]

    def freeze(self, trainable_layers: int) -> list[nn.Module]:
        """Let all but the last so many `layers` need no gradient, and return the modules to keep in `eval()`.

        Those are the frozen layers and, in the layers still trained, batch normalisation: it keeps the statistics it
        was trained with, since those of a small batch of views shift what the decoder has learnt to read.

        Raises:
            SettingError: there are not so many layers.
        """
        layers = self.layers
        if not 0 <= trainable_layers <= len(layers):
            raise SettingError(
                f"trainable_layers is {trainable_layers}; {self.name} has {len(layers)} layers, and 0 means all."
            )
        if not trainable_layers:
            return []
        frozen = layers[: len(layers) - trainable_layers]
        for layer in frozen:
            layer.requires_grad_(False)
        return frozen + [layer for layer in self.trunk.modules() if isinstance(layer, nn.BatchNorm2d)]

    def split(self, trainable_layers: int) -> tuple[nn.Module, nn.Module]:
        """The encoder as two networks: up to its last so many `layers`, (B, 3, S, S) -> (B, C, rows, cols), and those
        last layers, -> (B, L, D). The first one's output can be kept while the second is trained.

        Raises:
            SettingError: there are not so many layers, or they are not applied one after the other.
        """
        trained = {id(layer) for layer in self.layers[len(self.layers) - trainable_layers :]}
        steps = [layer for child in self._network.children() for layer in _in_order(child)]
        cut = next((n for n, layer in enumerate(steps) if id(layer) in trained), len(steps))
        first = nn.Sequential(_ChannelsLast(), *steps[:cut])
        last = nn.Sequential(_ChannelsLast(), *steps[cut:], _GridToVectors())
        if not self._is_equivalent(first, last):
            raise SettingError(f"the layers of {self.name} are not applied one after the other; leave out --views.")
        return first, last

    @torch.no_grad()
    def _is_equivalent(self, first: nn.Module, last: nn.Module) -> bool:
        """Whether `last(first(x))` equals the encoder's output."""
        training, example = self.training, torch.randn(1, 3, self.image_size, self.image_size)
        whole = self.eval()(example)
        try:
            return torch.equal(last(first(example)), whole)
        except Exception:  # a layer given what it does not expect can fail in any way
            return False
        finally:
            self.train(training)

    @property
    def _network(self) -> nn.Module:
        return self.trunk.network if isinstance(self.trunk, TimmBackbone) else self.trunk

    def forward(self, photos: Tensor) -> Tensor:
        x = self.trunk(photos.contiguous(memory_format=torch.channels_last))  # (B, D, rows, cols)
        return x.flatten(2).transpose(1, 2)  # (B, L, D)

    def config(self) -> dict:
        """What rebuilds this encoder, apart from its weights: `ImageEncoder(**config)`."""
        return {"name": self.name, "stride": self.stride, "image_size": self.image_size}


def _in_order(child: nn.Module) -> list[nn.Module]:
    return list(child) if isinstance(child, (nn.Sequential, nn.ModuleList)) else [child]


class _ChannelsLast(nn.Module):
    """The same numbers, channels innermost in memory: what was kept on disk comes back without."""

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


class _GridToVectors(nn.Module):
    """(B, D, rows, cols) -> (B, L, D), L = rows * cols."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


def default_preprocessing(name: str) -> dict:
    """What a backbone's ImageNet weights expect: arguments of `Preprocessing`; {} means its defaults."""
    return pretrained_preprocessing(name) if is_timm(name) else {}


def _truncate(backbone: nn.Module, name: str, stride: int) -> nn.Sequential:
    """The backbone's layers up to the last whose output still has this stride; what follows is the classifier's."""
    layers = backbone.features if hasattr(backbone, "features") else backbone
    trunk, kept, side = nn.Sequential(), 0, 128
    x = torch.empty(1, 3, side, side)
    for key, layer in layers.named_children():
        if key in ("avgpool", "fc"):
            break
        trunk.add_module(key, layer)
        x = _meta_forward(layer, x)
        if x.shape[2] * stride == side:
            kept = len(trunk)
    if kept == 0:
        raise SettingError(f"{name} has no layer of stride {stride}; choose another, such as 16.")
    return trunk[:kept]


def _meta_forward(module: nn.Module, x: Tensor) -> Tensor:
    """The module's output for x on meta tensors: its shape, without computing anything."""
    training = module.training
    tensors = {k: v.to("meta") for k, v in [*module.named_parameters(), *module.named_buffers()]}
    with torch.no_grad():
        out = functional_call(module.eval(), tensors, x.to("meta"))
    module.train(training)
    return out


def _imagenet(name: str) -> nn.Module:
    if name in ("compact", "tiny"):
        raise SettingError(
            f"there are no ImageNet weights for the {name} encoder; choose a torchvision one, such as resnet50, "
            "or --encoder-weights with the folder of a trained encoder."
        )
    try:
        return BACKBONES[name](weights="DEFAULT")
    except Exception as error:  # no network, a proxy, a full disk: torch.hub raises many kinds
        raise weights_unavailable(name, error) from error
