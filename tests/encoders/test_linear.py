"""Packed weights give the same products, and are never used once they are out of date."""

import copy

import pytest
import torch
from torch.nn.functional import linear as plain

import encoders.linear
from encoders.linear import Linear, can_pack, linear, pack, packed

CLOSE = {torch.bfloat16: {"atol": 0.02, "rtol": 0.02}, torch.float32: {"atol": 1e-5, "rtol": 1e-5}}


@pytest.fixture(autouse=True)
def anywhere(monkeypatch):
    """Where the processor cannot pack, a copy of the weight stands for its other layout: it can be as stale."""
    if not (can_pack(torch.bfloat16) and can_pack(torch.float32)):
        monkeypatch.setattr(encoders.linear, "can_pack", lambda dtype: dtype in CLOSE)
        monkeypatch.setattr(encoders.linear, "_reordered", torch.clone)
        monkeypatch.setattr(encoders.linear, "_packed_linear", plain)


@pytest.fixture(params=CLOSE, ids=str)
def layer(request):
    torch.manual_seed(0)
    return Linear(40, 24).to(request.param)


@pytest.mark.parametrize("shape", [(1, 40), (3, 40), (96, 40), (2, 5, 40)])
def test_packing_changes_no_product(layer, shape):
    dtype = layer.weight.dtype
    x = torch.randn(shape, dtype=dtype)
    with torch.no_grad():
        before = layer(x)
        pack(layer)
        assert packed(layer.weight) is not None
        torch.testing.assert_close(layer(x), before, **CLOSE[dtype])
        torch.testing.assert_close(linear(x, layer.weight), plain(x, layer.weight), **CLOSE[dtype])


def zero(layer):
    layer.weight.zero_()


def swap(layer):
    layer.weight.data = torch.zeros_like(layer.weight)


def there_and_back(layer):
    dtype = layer.weight.dtype
    layer.double().weight.zero_()
    layer.to(dtype)


def doubled(layer):
    dtype = layer.weight.dtype
    layer.double()
    layer.weight.data = torch.zeros(24, 40)
    layer.to(dtype)


def loaded(layer):
    layer.load_state_dict({"weight": torch.zeros(24, 40), "bias": layer.bias})


def assigned(layer):
    layer.load_state_dict({"weight": torch.zeros_like(layer.weight), "bias": layer.bias}, assign=True)


@pytest.mark.parametrize("change", [zero, swap, there_and_back, doubled, loaded, assigned])
@torch.no_grad()
def test_a_weight_that_changed_is_read_as_it_is_now(layer, change):
    x = torch.randn(3, 40, dtype=layer.weight.dtype)
    pack(layer)
    assert packed(layer.weight) is not None
    change(layer)
    assert packed(layer.weight) is None
    assert torch.equal(layer(x), layer.bias.expand(3, -1))
    pack(layer)
    assert packed(layer.weight) is not None and torch.equal(layer(x), layer.bias.expand(3, -1))


@torch.no_grad()
def test_a_conversion_to_what_it_is_keeps_the_packing(layer):
    pack(layer)
    layer.to("cpu").to(layer.weight.dtype).eval()
    assert packed(layer.weight) is not None
    assert layer.double()(torch.randn(3, 40, dtype=torch.float64)).dtype == torch.float64


@torch.no_grad()
def test_a_copy_is_not_packed_as_its_original(layer):
    pack(layer)
    other = copy.deepcopy(layer)
    other.weight.zero_()
    x = torch.randn(3, 40, dtype=layer.weight.dtype)
    assert packed(layer.weight) is not None and torch.equal(other(x), other.bias.expand(3, -1))


def test_gradients_flow_through_a_packed_layer(layer):
    pack(layer)
    layer(torch.randn(3, 40, dtype=layer.weight.dtype)).sum().backward()
    assert layer.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_under_autocast_products_are_as_without_packing():
    layer, x = Linear(40, 24), torch.randn(3, 40, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = layer(x)
        pack(layer)
        assert packed(layer.weight) is not None and torch.equal(layer(x), before)


def test_other_weights_are_left_alone():
    """Vectors, and double precision, which the operators do not know."""
    layer = Linear(4, 2)
    pack(layer)
    assert packed(layer.bias) is None
    layer.double()
    pack(layer)
    assert packed(layer.weight) is None
