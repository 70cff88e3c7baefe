"""Folding batch normalisation: the same function, and no folding where it would not be."""

import pytest
import torch
from torch import nn

from encoders.cnn import ImageEncoder
from encoders.fold import fold_batchnorm


def random_statistics(network: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                tensor.normal_()
            module.running_var.uniform_(0.5, 2)
    return network


@pytest.mark.parametrize("name, stride", [("tiny", 16), ("resnet18", 32), ("efficientnet_lite0", 32)])
def test_equal_and_without_batchnorm(name, stride):
    encoder = random_statistics(ImageEncoder(name, stride=stride, image_size=64))
    photos = torch.randn(2, 3, 64, 64)
    folded = fold_batchnorm(encoder, photos[:1])
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in encoder.modules())  # the original is left as it was
    with torch.no_grad():
        expected = encoder(photos)
        torch.testing.assert_close(folded(photos), expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


class NormFirst(nn.Module):
    """Registered after the convolution, and applied before it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.conv(self.norm(x))


def test_another_order_is_left_alone():
    network = random_statistics(NormFirst())
    assert fold_batchnorm(network, torch.randn(1, 3, 8, 8)) is network
