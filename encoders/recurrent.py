"""Recurrent cells as their lecture equations, stacked, stepped, and run over whole sequences.

Weights have torch's own layout (gates stacked by rows, in torch's order), so torch's fused kernels can run on them
where a whole sequence is known beforehand; the tests prove that both give the same.

A state is one tensor (B, layers, parts, H): parts is 1 (h), or 2 for the LSTM (h and c). h₀ = 0 unless given.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from runtime.errors import SettingError

from .linear import linear, packed


class Cell(nn.Module):
    """One layer, one time step: `cell(x (B, E), state (B, parts, H)) -> state (B, parts, H)`; state[:, 0] is h.

    The input's part, W x + b, is `inputs`, of one step or of all at once; what the state adds to it is `advance`.
    """

    gates = 1  # blocks of H rows in each weight matrix
    parts = 1  # tensors a state is made of
    over_sequence: Callable  # torch's kernel for the same equation over all time steps

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        rows = self.gates * hidden_size
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


class RNNCell(Cell):
    """The vanilla recurrent network: h = tanh(W_ih x + W_hh h + b). (Elman 1990)"""

    over_sequence = staticmethod(torch.rnn_tanh)

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h = torch.tanh(x + linear(state[:, 0], self.weight_hh, self.bias_hh))
        return h.unsqueeze(1)


class LSTMCell(Cell):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = σ(W x + U h + b); g = tanh(W x + U h + b); c = f ⊙ c + i ⊙ g; h = o ⊙ tanh(c).
    The forget gate's bias starts at 1, so that at first the cell remembers (Jozefowicz et al. 2015).
    """

    gates, parts = 4, 2
    over_sequence = staticmethod(torch.lstm)

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        with torch.no_grad():
            self.bias_ih[hidden_size : 2 * hidden_size] = 1.0
            self.bias_hh[hidden_size : 2 * hidden_size] = 0.0

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h, c = state.unbind(1)
        i, f, g, o = (x + linear(h, self.weight_hh, self.bias_hh)).chunk(4, dim=1)  # torch's order
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return torch.stack((h, c), dim=1)


class GRUCell(Cell):
    """The gated recurrent unit (Cho et al. 2014), in torch's form.

    r, u = σ(W x + U h + b); n = tanh(W x + b + r ⊙ (U h + b')); h = (1 − u) ⊙ n + u ⊙ h.
    """

    gates = 3
    over_sequence = staticmethod(torch.gru)

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h = state[:, 0]
        xr, xu, xn = x.chunk(3, dim=1)
        hr, hu, hn = linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=1)
        r, u = torch.sigmoid(xr + hr), torch.sigmoid(xu + hu)
        n = torch.tanh(xn + r * hn)
        return ((1 - u) * n + u * h).unsqueeze(1)


CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}


class Recurrent(nn.Module):
    """A stack of cells; each layer's h is the next layer's x, with dropout between them.

    Raises:
        SettingError: an unknown cell, or not 1 to 8 layers.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int, *, layers: int = 1, dropout: float = 0.0):
        super().__init__()
        if cell not in CELLS:
            raise SettingError(f"there is no cell {cell!r}; choose one of {', '.join(CELLS)}.")
        if not 1 <= layers <= 8:
            raise SettingError(f"layers is {layers}; choose 1 to 8.")
        kind = CELLS[cell]
        self.hidden_size, self.parts, self.dropout = hidden_size, kind.parts, dropout
        self.layers = nn.ModuleList(kind(input_size if n == 0 else hidden_size, hidden_size) for n in range(layers))

    def zero_state(self, like: Tensor) -> Tensor:
        """(B, layers, parts, H) of zeros, for a batch as large as `like`."""
        return like.new_zeros(like.shape[0], len(self.layers), self.parts, self.hidden_size)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One time step: x (B, E), state (B, layers, parts, H) -> the top layer's h (B, H), and the new state."""
        new = []
        for n, cell in enumerate(self.layers):
            new.append(cell(x, state[:, n]))
            x = new[-1][:, 0]
            if n + 1 < len(self.layers):
                x = dropout(x, self.dropout, self.training)
        return new[-1][:, 0], torch.stack(new, dim=1)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whole sequences, by torch's fused kernel.

        What comes later never changes an h, so padding at a sequence's end is harmless: take its h at its last step.

        Args:
            x: (B, T, E); state: (B, layers, parts, H), zeros unless given.

        Returns:
            The top layer's h at every step, (B, T, H), and the state after the last one, (B, layers, parts, H).
        """
        state = self.zero_state(x) if state is None else state
        if len(x) == 1 and not torch.is_grad_enabled() and packed(self.layers[0].weight_hh) is not None:
            return self._alone(x, state)
        first = [part.contiguous() for part in state.permute(2, 1, 0, 3)]  # (layers, B, H) each
        weights = [w for cell in self.layers for w in (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)]
        h, *last = self.layers[0].over_sequence(
            x,
            first if self.parts > 1 else first[0],
            weights,
            True,  # has biases
            len(self.layers),
            float(self.dropout),
            self.training,
            False,  # one direction
            True,  # the batch comes first
        )
        return h, torch.stack(last).permute(2, 1, 0, 3)

    def _alone(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` of one sequence, on weights that are laid out already; torch's kernel does that at every call."""
        last = []
        for n, cell in enumerate(self.layers):
            steps, now = [], state[:, n]
            for given in cell.inputs(x).unbind(1):
                now = cell.advance(given, now)
                steps.append(now[:, 0])
            x = torch.stack(steps, dim=1)
            last.append(now)
        return x, torch.stack(last, dim=1)
