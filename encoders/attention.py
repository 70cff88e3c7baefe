"""Soft attention: look at every grid cell a little, at the interesting ones more. z = Σ pᵢ vᵢ."""

import torch
from torch import Tensor, nn

from .linear import Linear


class SoftAttention(nn.Module):
    """Additive attention (Bahdanau et al. 2015; on images Xu et al. 2015).

    aᵢ = wᵀ tanh(W_v vᵢ + W_h h);  p = softmax(a);  z = Σ pᵢ vᵢ.

    Several queries may look at one photo (its captions, its beams, its questions): the photo's side of the sum,
    W_v v, is computed once, by `keys`, and shared.
    """

    def __init__(self, *, feature_size: int, query_size: int, attention_size: int):
        super().__init__()
        self.W_v = Linear(feature_size, attention_size)
        self.W_h = Linear(query_size, attention_size, bias=False)
        self.w = Linear(attention_size, 1, bias=False)  # a bias would not change the softmax

    def keys(self, features: Tensor) -> Tensor:
        """2 W_v v, twice for the sake of `forward`: features (B, L, D) -> (B, L, A)."""
        return 2 * self.W_v(features)

    def forward(self, h: Tensor, features: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Look.

        Args:
            h: (B, Q, H), Q queries for each photo.
            features: (B, L, D); keys: (B, L, A), what `keys` made of them.

        Returns:
            z (B, Q, D) and p (B, Q, L), which sums to 1 over L.
        """
        # tanh x = 2 σ(2x) − 1. Processors compute σ three times as fast, and the softmax does not see the −1.
        s = (keys.unsqueeze(1) + 2 * self.W_h(h).unsqueeze(2)).sigmoid_()  # (B, Q, L, A)
        a = 2 * self.w(s).squeeze(3)  # (B, Q, L)
        p = torch.softmax(a, dim=2, dtype=torch.promote_types(a.dtype, torch.float32))  # 8 bits would not sum to 1
        z = p.to(features.dtype) @ features  # (B, Q, L) x (B, L, D) -> (B, Q, D)
        return z, p


class MeanAttention(nn.Module):
    """No attention: pᵢ = 1 / L, so z is the mean of the features. Takes and gives what `SoftAttention` does."""

    def keys(self, features: Tensor) -> Tensor:
        """There are none: features (B, L, D) -> (B, L, 0)."""
        return features[:, :, :0]

    def forward(self, h: Tensor, features: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        z = features.mean(dim=1, keepdim=True).expand(-1, h.shape[1], -1)
        B, L, _ = features.shape
        dtype = torch.promote_types(features.dtype, torch.float32)
        return z, torch.full((B, h.shape[1], L), 1 / L, dtype=dtype, device=h.device)
