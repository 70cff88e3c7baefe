"""A task of memory: the first symbol of a sequence must be named at its end, whatever came between.

After Hochreiter & Schmidhuber (1997), with the lag in the hands of whoever asks.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from encoders.recurrent import Recurrent, clip_gradient_norm

SYMBOLS = 4  # to be remembered; as many others come between
LOOK = 25  # steps of training between two looks at the accuracy
SOLVED = 0.99


def sequences(batch: int, distance: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """One of 4 symbols, then `distance` random ones of 4 others: one-hot x (B, 1 + distance, 8) and the first (B,)."""
    first = torch.randint(SYMBOLS, (batch, 1), generator=random)
    between = torch.randint(SYMBOLS, 2 * SYMBOLS, (batch, distance), generator=random)
    return one_hot(torch.cat((first, between), dim=1), 2 * SYMBOLS).float(), first[:, 0]


class Reader(nn.Module):
    """A recurrent network that names the first symbol after the last: x (B, T, 8) -> logits (B, 4)."""

    def __init__(self, hidden_size: int, *, cell: str, **recurrent):
        super().__init__()
        self.recurrent = Recurrent(cell, 2 * SYMBOLS, hidden_size, **recurrent)
        self.output = nn.Linear(hidden_size, SYMBOLS)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.recurrent(x)
        return self.output(h[:, -1])


@torch.no_grad()
def accuracy(reader: Reader, distance: int, random: torch.Generator, *, count: int = 256) -> float:
    """The share of `count` new sequences whose first symbol is named; 1/4 is chance."""
    x, first = sequences(count, distance, random)
    return (reader(x).argmax(dim=1) == first).float().mean().item()


@dataclass
class Learning:
    """What a run of `learn` saw.

    Attributes:
        losses: of each step; norms: of each step's gradient, before clipping.
    """

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)


def learn(
    reader: Reader,
    optimiser: torch.optim.Optimizer,
    distance: int,
    random: torch.Generator,
    *,
    steps: int,
    batch: int,
    clip: float,
    stop_when_solved: bool = True,
) -> Learning:
    """Train on new sequences at every step, until the task is solved or the steps are used up."""
    seen = Learning()
    for step in range(1, steps + 1):
        x, first = sequences(batch, distance, random)
        loss = cross_entropy(reader(x), first)
        optimiser.zero_grad()
        loss.backward()
        seen.losses.append(loss.item())
        seen.norms.append(clip_gradient_norm(reader.parameters(), clip).item())
        optimiser.step()
        if stop_when_solved and step % LOOK == 0 and accuracy(reader, distance, random) >= SOLVED:
            break
    return seen
