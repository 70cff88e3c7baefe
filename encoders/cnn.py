"""A photo's features: a torchvision backbone cut where its stride is right, read as a grid of vectors.

Knows nothing of words. `ImageEncoder` maps (B, 3, S, S) to (B, L, D), L row-major over `grid`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.resnet import BasicBlock, ResNet

from .errors import SettingError


def compact() -> ResNet:
    """The bundled encoder: a ResNet for small photos, 7.5 M parameters, total stride 16.

    Against ResNet-18 the stem is 3x3 and nothing is pooled after it, so that a 128-pixel photo still gives an
    8x8 grid, and a block each of the first and the last stage moved to or was saved in the third.
    """
    net = ResNet(BasicBlock, [1, 2, 3, 1])
    net.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=2, padding=1, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    net.maxpool = nn.Identity()
    return net


BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "compact": compact,
    "resnet18": models.resnet18,
    "resnet34": models.resnet34,
    "resnet50": models.resnet50,
    "resnet101": models.resnet101,
    "mobilenet_v3_large": models.mobilenet_v3_large,
    "efficientnet_v2_s": models.efficientnet_v2_s,
    "convnext_tiny": models.convnext_tiny,
    "vgg19": models.vgg19,
}


class ImageEncoder(nn.Module):
    """(B, 3, S, S) normalised photos -> (B, L, D) features, one vector a grid cell, row-major.

    Args:
        name: a key of `BACKBONES`.
        stride: pixels a grid cell covers, 16 or 32. The backbone is read at the last layer that has this stride.
        image_size: S, the side of the photos it will be given.
        imagenet: start from torchvision's ImageNet weights (downloaded on first use); else from random ones.

    Attributes:
        feature_size: D.
        grid: (rows, cols); L = rows * cols.

    Raises:
        SettingError: an unknown name, a stride the backbone never has, or weights that cannot be fetched.
    """

    def __init__(self, name: str = "compact", *, stride: int = 16, image_size: int = 224, imagenet: bool = False):
        super().__init__()
        if name not in BACKBONES:
            raise SettingError(f"there is no encoder {name!r}; choose one of {', '.join(BACKBONES)}.")
        self.name, self.stride, self.image_size = name, stride, image_size
        self.trunk = _cut(_imagenet(name) if imagenet else BACKBONES[name](), name, stride)
        # Convolutions are fastest on the CPU, and on GPUs in half precision, with the channels innermost in memory.
        self.to(memory_format=torch.channels_last)
        self.feature_size, *grid = _probe(self.trunk, image_size)
        self.grid: tuple[int, int] = tuple(grid)

    def forward(self, photos: Tensor) -> Tensor:
        x = self.trunk(photos.contiguous(memory_format=torch.channels_last))  # (B, D, rows, cols)
        return x.flatten(2).transpose(1, 2)  # (B, L, D)

    def config(self) -> dict:
        """What rebuilds this encoder, apart from its weights: `ImageEncoder(**config)`."""
        return {"name": self.name, "stride": self.stride, "image_size": self.image_size}


def _cut(backbone: nn.Module, name: str, stride: int) -> nn.Sequential:
    """The backbone's layers up to the last whose output still has this stride; what follows is the classifier's."""
    layers = backbone.features if hasattr(backbone, "features") else backbone
    trunk, kept, side = nn.Sequential(), 0, 128
    for key, layer in layers.named_children():
        if key in ("avgpool", "fc"):
            break
        trunk.add_module(key, layer)
        if _probe(trunk, side)[1] * stride >= side:
            kept = len(trunk)
    trunk = trunk[:kept]
    if kept == 0 or _probe(trunk, side)[1] * stride != side:
        raise SettingError(f"{name} has no layer of stride {stride}; choose 16 or 32.")
    return trunk


def _probe(trunk: nn.Module, side: int) -> tuple[int, int, int]:
    """(D, rows, cols) for a square photo of this side, found on meta tensors: nothing is computed."""
    from torch.func import functional_call

    training = trunk.training
    tensors = {k: v.to("meta") for k, v in [*trunk.named_parameters(), *trunk.named_buffers()]}
    with torch.no_grad():
        out = functional_call(trunk.eval(), tensors, torch.empty(1, 3, side, side, device="meta"))
    trunk.train(training)
    return out.shape[1], out.shape[2], out.shape[3]


def _imagenet(name: str) -> nn.Module:
    if name == "compact":
        raise SettingError(
            "there are no ImageNet weights for the compact encoder; choose a torchvision one, such as resnet50, "
            "or --encoder-weights with the folder of a trained encoder."
        )
    try:
        return BACKBONES[name](weights="DEFAULT")
    except Exception as error:  # no network, a proxy, a full disk: torch.hub raises many kinds
        raise SettingError(
            f"the ImageNet weights of {name} could not be downloaded ({error}); connect to the internet, or give "
            "--encoder-weights a file you have, or none to start from random weights."
        ) from error
