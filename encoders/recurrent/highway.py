"""A layer that may let its input through."""

import torch
from torch import Tensor, nn

from encoders.linear import Linear


class Highway(nn.Module):
    """y = g ⊙ H(x) + (1 − g) ⊙ x, with g = σ(W_g x + b_g) and H(x) = tanh(W_H x + b_H). (Srivastava et al. 2015)

    The gate's bias starts at −1, so that at first most of x goes through. x (..., size) -> (..., size).
    """

    def __init__(self, size: int):
        super().__init__()
        self.H = Linear(size, size)
        self.gate = Linear(size, size)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        g = torch.sigmoid(self.gate(x))
        return g * torch.tanh(self.H(x)) + (1 - g) * x
