"""Cells stacked, stepped, and run over whole sequences.

A state is one tensor (B, layers, parts, H); its part 0 is h.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from .highway import Highway
from .initialise import initialise
from .settings import RecurrentSettings


class Recurrent(nn.Module):
    """A stack of cells; each layer's h is the next layer's x, with dropout between them.

    Args:
        cell: the name of the cell.
        dropout: between layers, in training.
        options: the other fields of `RecurrentSettings`: `layers`, `variant`, `highway` and so on.

    Raises:
        SettingError: a choice that is unknown, or makes no sense with the others.
    """

    def __init__(self, cell: str, input_size: int, hidden_size: int, *, dropout: float = 0.0, **options):
        super().__init__()
        settings = RecurrentSettings(cell=cell, **options)
        self.hidden_size, self.dropout, self.truncate = hidden_size, dropout, settings.truncate
        self.layers = nn.ModuleList(
            settings.new_cell(input_size if n == 0 else hidden_size, hidden_size) for n in range(settings.layers)
        )
        for layer in self.layers:
            initialise(layer, settings.init)
        self.highways = nn.ModuleList(Highway(hidden_size) for _ in range(settings.layers - 1) if settings.highway)
        self.parts = self.layers[0].parts
        self.learnt_state = None
        if settings.initial_state == "learnt":
            self.learnt_state = nn.Parameter(torch.zeros(settings.layers, self.parts, hidden_size))

    def zero_state(self, like: Tensor) -> Tensor:
        """(B, layers, parts, H) of zeros, for a batch as large as `like`."""
        return like.new_zeros(like.shape[0], len(self.layers), self.parts, self.hidden_size)

    def initial_state(self, like: Tensor) -> Tensor:
        """h₀, zero or learnt: (B, layers, parts, H), for a batch as large as `like`."""
        if self.learnt_state is None:
            return self.zero_state(like)
        return self.learnt_state.to(like.dtype).expand(like.shape[0], -1, -1, -1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One time step: x (B, E), state (B, layers, parts, H) -> the top layer's h (B, H), and the new state."""
        new = []
        for n, cell in enumerate(self.layers):
            new.append(cell(self._layer_input(n, x), state[:, n]))
            x = new[-1][:, 0]
        return x, torch.stack(new, dim=1)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whole sequences, by torch's fused kernel where it has one for this cell.

        What comes later never changes an h, so padding at a sequence's end is harmless: take its h at its last step.

        Args:
            x: (B, T, E); state: (B, layers, parts, H), `initial_state` unless given.

        Returns:
            The top layer's h at every step, (B, T, H), and the state after the last one, (B, layers, parts, H).
        """
        if self.truncate and self.training:
            h, states = zip(*bptt_chunks(self, x, self.truncate, state), strict=True)
            return torch.cat(h, dim=1), states[-1]
        return self.unroll(x, state)

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As `forward`, without truncating gradients."""
        state = self.initial_state(x) if state is None else state
        last = []
        for n, cell in enumerate(self.layers):
            x, now = cell.sequence(self._layer_input(n, x), state[:, n])
            last.append(now)
        return x, torch.stack(last, dim=1)

    def _layer_input(self, n: int, x: Tensor) -> Tensor:
        """The input of layer n, from the output x of the layer below: dropout, and a highway layer if any."""
        if n == 0:
            return x
        if len(self.highways):
            x = self.highways[n - 1](x)
        return dropout(x, self.dropout, self.training)


def bptt_chunks(
    recurrent: Recurrent, x: Tensor, length: int, state: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Truncated back-propagation through time (Williams & Peng 1990): the state is carried on, its graph is cut.

    Call `backward` on each chunk's loss as it comes, and no more than one chunk is ever held in memory.

    Args:
        x: (B, T, E); length: time steps of a chunk; the last may be shorter.

    Yields:
        Of each chunk, the top layer's h (B, length, H) and the state after it.
    """
    for part in x.split(length, dim=1):
        h, after = recurrent.unroll(part, state)
        yield h, after
        state = after.detach()
