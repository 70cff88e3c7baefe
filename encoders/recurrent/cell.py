"""What every recurrent cell is: weights in torch's layout, one step, and whole sequences by torch's kernel if any.

Gates are stacked by rows, in torch's order, so torch's fused kernels can run on the weights where a whole sequence is
known beforehand; the tests prove that both give the same.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from encoders.linear import linear, packed


class Cell(nn.Module):
    """One layer, one time step: `cell(x (B, E), state (B, parts, H)) -> state (B, parts, H)`; state[:, 0] is h.

    The input's part, W x + b, is `inputs`, of one step or of all at once; what the state adds to it is `advance`.

    Args:
        gates: blocks of H rows in each weight matrix.
        parts: tensors a state is made of: 1 (h), or 2 for the LSTM (h and c).
    """

    kernel: Callable | None = None  # torch's, for the same equation over all time steps

    def __init__(self, input_size: int, hidden_size: int, *, gates: int = 1, parts: int = 1):
        super().__init__()
        self.hidden_size, self.gates, self.parts = hidden_size, gates, parts
        rows = gates * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        for weight in self.parameters():
            nn.init.uniform_(weight, -1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))

    def inputs(self, x: Tensor) -> Tensor:
        """x (..., E) -> (..., gates · H)."""
        return linear(x, self.weight_ih, self.bias_ih)

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        """What `inputs` made of x, and the state -> the new state."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return self.advance(self.inputs(x), state)

    def sequence(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """All time steps: x (B, T, E), state (B, parts, H) -> h (B, T, H), and the state after the last step."""
        # torch's kernel lays the weights out again at every call, which costs a lone sequence more than it saves.
        laid_out = len(x) == 1 and not torch.is_grad_enabled() and packed(self.weight_hh) is not None
        return self._stepped(x, state) if self.kernel is None or laid_out else self._fused(x, state)

    def _stepped(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = []
        for given in self.inputs(x).unbind(1):
            state = self.advance(given, state)
            h.append(state[:, 0])
        return torch.stack(h, dim=1), state

    def _fused(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        first = [part.unsqueeze(0).contiguous() for part in state.unbind(1)]  # (1, B, H) each, of one layer
        h, *last = self.kernel(
            x,
            first if self.parts > 1 else first[0],
            self.kernel_weights(),
            True,  # has biases
            1,  # layer
            0.0,  # dropout
            self.training,
            False,  # one direction
            True,  # the batch comes first
        )
        return h, torch.cat(last).transpose(0, 1)

    def kernel_weights(self) -> list[Tensor]:
        """The weights as `kernel` wants them."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
