"""Soft attention against its formula written as loops, and the properties any attention has."""

import math

import pytest
import torch
from torch import Tensor

from encoders.attention import SoftAttention

B, Q, L, D, H, A = 2, 3, 6, 4, 5, 7


@pytest.fixture
def attention() -> SoftAttention:
    torch.manual_seed(0)
    return SoftAttention(feature_size=D, query_size=H, attention_size=A).double()


@pytest.fixture
def h() -> Tensor:
    return torch.randn(B, Q, H, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def features() -> Tensor:
    return torch.randn(B, L, D, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def by_hand(attention: SoftAttention, h: Tensor, v: Tensor) -> tuple[list[float], list[float]]:
    """One query (H,) on one photo (L, D): a = w tanh(W_v v + b + W_h h); p = softmax(a); z = sum of p v."""
    W_v, b, W_h = attention.W_v.weight.tolist(), attention.W_v.bias.tolist(), attention.W_h.weight.tolist()
    w = attention.w.weight[0].tolist()
    a = {}
    for i in range(L):
        rows = [sum(W_v[r][d] * v[i, d].item() for d in range(D)) + b[r] for r in range(A)]
        rows = [rows[r] + sum(W_h[r][n] * h[n].item() for n in range(H)) for r in range(A)]
        a[i] = sum(w[r] * math.tanh(rows[r]) for r in range(A))
    total = sum(math.exp(a[i]) for i in range(L))
    p = [math.exp(a[i]) / total for i in range(L)]
    return [sum(p[i] * v[i, d].item() for i in range(L)) for d in range(D)], p


def test_equals_the_formula(attention, h, features):
    z, p = attention(h, features, attention.keys(features))
    assert z.shape == (B, Q, D) and p.shape == (B, Q, L)
    for b in range(B):
        for q in range(Q):
            slow_z, slow_p = by_hand(attention, h[b, q], features[b])
            assert z[b, q].tolist() == pytest.approx(slow_z, abs=1e-12)
            assert p[b, q].tolist() == pytest.approx(slow_p, abs=1e-12)


def test_gradients(attention, h, features):
    def look(h, features, *weights):
        return attention(h, features, attention.keys(features))

    inputs = [h.requires_grad_(), features.requires_grad_(), *attention.parameters()]
    assert torch.autograd.gradcheck(look, inputs)


def test_weights_are_shares(attention, h, features):
    p = attention(h, features, attention.keys(features))[1]
    assert (p >= 0).all()
    torch.testing.assert_close(p.sum(dim=2), torch.ones(B, Q, dtype=torch.float64))


def test_shares_sum_to_1_in_half_precision(attention, h, features):
    attention, h, features = attention.bfloat16(), h.bfloat16(), features.bfloat16()
    z, p = attention(h, features, attention.keys(features))
    assert z.dtype == torch.bfloat16 and (p.double().sum(dim=2) - 1).abs().max() < 1e-6


def test_permuting_the_cells_permutes_p(attention, h, features):
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    z, p = attention(h, features, attention.keys(features))
    moved_z, moved_p = attention(h, features[:, order], attention.keys(features[:, order]))
    torch.testing.assert_close(moved_p, p[:, :, order])
    torch.testing.assert_close(moved_z, z)


def test_queries_do_not_know_of_each_other(attention, h, features):
    keys = attention.keys(features)
    z, p = attention(h, features, keys)
    assert (p[:, 0] - p[:, 1]).abs().max() > 1e-3
    for q in range(Q):
        z_q, p_q = attention(h[:, q : q + 1], features, keys)
        torch.testing.assert_close(z_q, z[:, q : q + 1])
        torch.testing.assert_close(p_q, p[:, q : q + 1])
