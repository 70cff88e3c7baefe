"""The vanilla recurrent network."""

import torch
from torch import Tensor

from encoders.linear import linear

from .cell import Cell


class RNNCell(Cell):
    """The vanilla recurrent network: h = tanh(W_ih x + W_hh h + b). (Elman 1990)"""

    kernel = staticmethod(torch.rnn_tanh)

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h = torch.tanh(x + linear(state[:, 0], self.weight_hh, self.bias_hh))
        return h.unsqueeze(1)
