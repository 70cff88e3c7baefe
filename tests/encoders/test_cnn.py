"""The image encoder: the shapes it documents, the order of its cells, and where its weights come from."""

import urllib.error

import pytest
import torch
from torchvision import models

from encoders.cnn import BACKBONES, ImageEncoder
from runtime.errors import SettingError

FEATURE_SIZES = {  # name -> D at stride 16 and at stride 32, by the papers' own tables; None: it has no such stride
    "compact": (512, None),
    "tiny": (256, None),
    "resnet18": (256, 512),
    "resnet34": (256, 512),
    "resnet50": (1024, 2048),
    "resnet101": (1024, 2048),
    "mobilenet_v3_large": (112, 960),
    "efficientnet_v2_s": (160, 1280),
    "convnext_tiny": (384, 768),
    "vgg19": (512, 512),
}


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    torch.manual_seed(0)
    return ImageEncoder("tiny", image_size=128).eval()


def test_every_backbone_is_tested():
    assert FEATURE_SIZES.keys() == BACKBONES.keys()


@pytest.mark.parametrize("stride", [16, 32])
@pytest.mark.parametrize("name", BACKBONES)
def test_documented_shapes(name: str, stride: int):
    D = FEATURE_SIZES[name][stride == 32]
    with torch.device("meta"):  # shapes alone: no weight is drawn, nothing is computed
        if D is None:
            with pytest.raises(SettingError, match=f"no layer of stride {stride}"):
                ImageEncoder(name, stride=stride)
            return
        encoder = ImageEncoder(name, stride=stride, image_size=64)
        side = 64 // stride
        assert (encoder.feature_size, encoder.grid) == (D, (side, side))
        assert encoder(torch.empty(2, 3, 64, 64)).shape == (2, side * side, D)


def test_the_paper_reads_vgg19_at_14_by_14():
    with torch.device("meta"):
        assert ImageEncoder("vgg19").grid == (14, 14)


def test_a_side_that_is_no_multiple_of_the_stride():
    encoder = ImageEncoder("tiny", image_size=100)
    assert encoder.grid == (7, 7)
    assert encoder(torch.zeros(1, 3, 100, 100)).shape == (1, 49, 256)


@pytest.mark.parametrize("how, words", [
    ({"name": "resnet19"}, "no encoder 'resnet19'; choose one of compact"), ({"stride": 5}, "no layer of stride 5"),
    ({"image_size": 15}, "choose at least 16"), ({"imagenet": True}, "no ImageNet weights for the compact encoder"),
    ({"name": "tiny", "imagenet": True}, "no ImageNet weights for the tiny encoder"),
])  # fmt: skip
def test_refuses(how: dict, words: str):
    with pytest.raises(SettingError, match=words):
        ImageEncoder(**how)


@pytest.mark.parametrize("row, column", [(0, 0), (0, 7), (2, 5), (5, 2), (7, 0)])
def test_cells_are_row_major(encoder: ImageEncoder, row: int, column: int):
    """A spot at the middle of a cell's field changes row * columns + column most; a swapped (h, w) would another."""
    dark = torch.zeros(1, 3, 128, 128)
    bright = dark.clone()
    y, x = 16 * row + 2, 16 * column + 2  # four convolutions of stride 2 look from 16 row - 15 to 16 row + 15
    bright[:, :, max(0, y - 4) : y + 2, max(0, x - 4) : x + 2] = 3.0
    with torch.no_grad():
        change = (encoder(bright) - encoder(dark)).norm(dim=2)[0]
    assert change.argmax() == row * encoder.grid[1] + column


def test_a_batch_row_is_the_single_photo(encoder: ImageEncoder):
    photos = torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(encoder(photos)[1:2], encoder(photos[1:2]))


def test_building_draws_nothing_from_the_photos():
    """Finding the grid must leave no trace: batch norm's statistics are fresh, and training mode is on."""
    encoder = ImageEncoder("tiny", image_size=32)
    assert encoder.training and all(module.training for module in encoder.modules())
    assert all((buffer == 0).all() for name, buffer in encoder.named_buffers() if name.endswith(("mean", "tracked")))
    assert encoder.trunk[0][0].weight.is_contiguous(memory_format=torch.channels_last)


def test_config_rebuilds_it():
    with torch.device("meta"):
        encoder = ImageEncoder("resnet34", stride=32, image_size=96)
        again = ImageEncoder(**encoder.config())
    assert again.config() == {"name": "resnet34", "stride": 32, "image_size": 96}
    assert again.state_dict().keys() == encoder.state_dict().keys()


def test_imagenet_weights_reach_the_trunk(monkeypatch):
    weights = models.resnet18().state_dict()
    weights["layer3.1.bn2.bias"].fill_(7.0)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *a, **k: weights)
    encoder = ImageEncoder("resnet18", image_size=32, imagenet=True)
    assert (encoder.trunk.layer3[1].bn2.bias == 7.0).all()
    torch.testing.assert_close(encoder.trunk.conv1.weight, weights["conv1.weight"])


@pytest.mark.parametrize("error", [
    urllib.error.URLError("Name or service not known"), RuntimeError("invalid hash value"), OSError("No space left")
])  # fmt: skip
def test_imagenet_weights_without_a_network(monkeypatch, error: Exception):
    def fail(*args, **how):
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(SettingError, match=r"weights of resnet18 .* could not be downloaded .*connect to the internet"):
        ImageEncoder("resnet18", imagenet=True)
