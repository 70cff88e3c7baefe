"""timm's networks as encoders: their grids, names that do not exist, and sizes they cannot take."""

import pytest
import torch

from encoders.cnn import ImageEncoder, default_preprocessing
from encoders.images import Preprocessing
from runtime.errors import SettingError

SHAPES = [  # name, stride, photo's side, grid, D
    ("efficientnet_lite0", 32, 64, (2, 2), 1280),  # with its last convolution
    ("efficientnet_lite0", 16, 64, (4, 4), 112),
    ("timm/resnet18", 16, 64, (4, 4), 256),
    ("timm/vit_tiny_patch16_224", 16, 64, (4, 4), 192),  # a plain ViT gives its patches
    ("timm/swin_tiny_patch4_window7_224", 32, 224, (7, 7), 768),  # its channels come last
]


@pytest.mark.parametrize("name, stride, side, grid, features", SHAPES)
def test_documented_shapes(name, stride, side, grid, features):
    with torch.device("meta"):
        encoder = ImageEncoder(name, stride=stride, image_size=side)
        assert (encoder.grid, encoder.feature_size) == (grid, features)
        assert encoder(torch.empty(2, 3, side, side)).shape == (2, grid[0] * grid[1], features)
        assert ImageEncoder(**encoder.config()).state_dict().keys() == encoder.state_dict().keys()


@pytest.mark.parametrize("how, words", [
    ({"name": "timm/resnet5"}, r"no network 'resnet5'; did you mean timm/resnet50"),
    ({"name": "timm/vit_tiny_patch16_224", "stride": 32}, r"no layer of stride 32; choose one of \[16\]"),
    ({"name": "timm/swin_tiny_patch4_window7_224", "stride": 32, "image_size": 4096}, "at most 2048"),
    ({"name": "timm/maxvit_tiny_tf_224", "stride": 32, "image_size": 200}, "cannot take photos of 200 pixels"),
])  # fmt: skip
def test_refuses(how, words):
    with torch.device("meta"), pytest.raises(SettingError, match=words):
        ImageEncoder(**how)


def test_a_network_without_a_grid_is_refused(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("features_only not implemented for Flat models.")

    monkeypatch.setattr("timm.create_model", fail)
    with pytest.raises(SettingError, match=r"gives no grid of features .*Flat models.*choose a network that does"):
        ImageEncoder("timm/resnet18")


def test_cells_are_row_major():
    """A spot in one cell of a 4 x 4 grid changes that cell's patch first: a plain ViT before its blocks mix them."""
    torch.manual_seed(0)
    encoder = ImageEncoder("timm/vit_tiny_patch16_224", stride=16, image_size=64).eval()
    for block in encoder.trunk.network.model.blocks:
        block.forward = lambda x, **_: x
    dark = torch.zeros(1, 3, 64, 64)
    bright = dark.clone()
    bright[:, :, 16:32, 48:64] = 3.0  # row 1, column 3
    with torch.no_grad():
        change = (encoder(bright) - encoder(dark)).norm(dim=2)[0]
    assert change.argmax() == 1 * 4 + 3


def test_preprocessing_comes_from_the_weights(monkeypatch):
    assert default_preprocessing("resnet18") == {}
    expected = default_preprocessing("timm/resnet18")
    assert expected["mean"] == (0.485, 0.456, 0.406)
    monkeypatch.setattr("encoders.timm_backbone.packaged_weights", lambda name: None)
    assert default_preprocessing("efficientnet_lite0")["mean"] == (0.5, 0.5, 0.5)
    monkeypatch.setattr("encoders.timm_backbone.packaged_weights", lambda name: "installed")
    packaged = Preprocessing(**default_preprocessing("efficientnet_lite0"))
    pixels = torch.tensor([0, 127, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    torch.testing.assert_close(packaged.normalise(pixels)[0, 0, 0], (torch.tensor([0, 127, 255]) - 127) / 128)
    assert packaged.interpolation == "bicubic"


def test_freezing_leaves_the_last_layers():
    encoder = ImageEncoder("efficientnet_lite0", stride=32, image_size=64)
    frozen = encoder.freeze(5)
    trained = {name for name, p in encoder.trunk.network.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] + name.split(".")[1] for name in trained if name.startswith("blocks")} == {
        "blocks4", "blocks5", "blocks6"
    }  # fmt: skip
    assert {name.split(".")[0] for name in trained} == {"blocks", "conv_head", "bn2"}
    assert not {id(layer) for layer in encoder.layers[-5:-1]} & {id(layer) for layer in frozen}
    assert encoder.freeze(0) == []
    with pytest.raises(SettingError, match=r"trainable_layers is 99; efficientnet_lite0 has \d+ layers"):
        encoder.freeze(99)


def test_batch_normalisation_keeps_its_statistics_in_the_layers_that_are_trained():
    encoder = ImageEncoder("efficientnet_lite0", stride=32, image_size=64)
    kept = encoder.freeze(2)
    encoder.train()
    for layer in kept:
        layer.eval()
    before = {name: b.clone() for name, b in encoder.named_buffers()}
    encoder(torch.randn(4, 3, 64, 64)).sum().backward()
    assert all(torch.equal(b, before[name]) for name, b in encoder.named_buffers())
    assert encoder.trunk.network.bn2.weight.grad is not None


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18", "timm/resnet18"])
def test_an_encoder_split_in_two_is_the_encoder(name):
    encoder = ImageEncoder(name, stride=32, image_size=64).eval()
    first, last = encoder.split(2)
    photos = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(last(first(photos)), encoder(photos))
    trained = {id(p) for layer in encoder.layers[-2:] for p in layer.parameters()}
    assert {id(p) for p in last.parameters()} == trained and not trained & {id(p) for p in first.parameters()}


def test_an_encoder_whose_layers_are_not_in_a_row_is_not_split():
    encoder = ImageEncoder("timm/vit_tiny_patch16_224", stride=16, image_size=32)
    with pytest.raises(SettingError, match="not applied one after the other; leave out --views"):
        encoder.split(1)
