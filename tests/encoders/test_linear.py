"""Packed weights give the same products, and are never used once they are out of date."""

import pytest
import torch
from torch.nn.functional import linear as plain

from encoders.linear import Linear, linear, pack


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return Linear(40, 24).to(torch.bfloat16)


@pytest.mark.parametrize("shape", [(1, 40), (3, 40), (96, 40), (2, 5, 40)])
def test_packing_changes_no_product(layer, shape):
    x = torch.randn(shape, dtype=torch.bfloat16)
    with torch.no_grad():
        before = layer(x)
        pack(layer)
        torch.testing.assert_close(layer(x), before, atol=0.02, rtol=0.02)
        torch.testing.assert_close(linear(x, layer.weight), plain(x, layer.weight), atol=0.02, rtol=0.02)


def test_a_weight_that_changed_is_read_as_it_is_now(layer):
    x = torch.randn(3, 40, dtype=torch.bfloat16)
    pack(layer)
    with torch.no_grad():
        layer.weight.zero_()
        assert torch.equal(layer(x), layer.bias.expand(3, -1))
        assert layer.float()(x.float()).dtype == torch.float32


def test_gradients_flow_through_a_packed_layer(layer):
    pack(layer)
    layer(torch.randn(3, 40, dtype=torch.bfloat16)).sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_float32_weights_are_left_alone():
    layer = Linear(4, 2)
    pack(layer)
    assert not hasattr(layer.weight, "packed")
