"""Long short-term memory as it is taught and as torch has it."""

import torch
from torch import Tensor

from encoders.gates import gate
from encoders.linear import linear

from .cell import Cell


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = σ(W x + U h + b);  g = tanh(W x + U h + b);  c = f ⊙ c + i ⊙ g;  h = o ⊙ tanh(c).

    Args:
        forget_bias: where the forget gate's bias starts; at 1, at first the cell remembers (Jozefowicz et al. 2015).
    """

    kernel = staticmethod(torch.lstm)

    def __init__(self, input_size: int, hidden_size: int, *, forget_bias: float = 1.0):
        super().__init__(input_size, hidden_size, gates=4, parts=2)
        with torch.no_grad():
            self.bias_ih[hidden_size : 2 * hidden_size] = forget_bias
            self.bias_hh[hidden_size : 2 * hidden_size] = 0.0

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h, c = state.unbind(1)
        i, f, g, o = (x + linear(h, self.weight_hh, self.bias_hh)).split(self.hidden_size, dim=1)  # torch's order
        c = gate("forget", f) * c + gate("input", i) * torch.tanh(g)
        h = gate("output", o) * torch.tanh(c)
        return torch.stack((h, c), dim=1)
