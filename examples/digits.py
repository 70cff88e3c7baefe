"""Sequences from what is none: a digit is read in a few glimpses, and drawn row by row.

At each step the reader takes a glimpse by soft attention, z = Σ pᵢ vᵢ over patches of 4 x 4 pixels, where the state
says that it would help (after Ba et al. 2014). The drawer is told which digit to draw and makes one row of pixels after
the other, each drawn from the probabilities that the state gives and handed back as the next input (after Gregor et al.
2015); the reader then judges what was drawn.

    python examples/digits.py --out DIR
"""

from pathlib import Path
from random import Random

import torch
import typer
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot, pad

from encoders.attention import SoftAttention
from encoders.recurrent import Recurrent
from learning import gallery, train
from made import SIDE, digits

PATCH, GLIMPSES = 4, 4


class Reader(nn.Module):
    """Pictures (B, SIDE, SIDE) -> logits (B, T, 10), what it thinks after each glimpse, and p (B, T, L)."""

    def __init__(self, *, cell: str, hidden_size: int = 64):
        super().__init__()
        self.patches = nn.Conv2d(1, hidden_size, PATCH, stride=PATCH)
        self.places = nn.Parameter(0.1 * torch.randn((SIDE // PATCH) ** 2, hidden_size))  # what is seen, and where
        self.attention = SoftAttention(feature_size=hidden_size, query_size=hidden_size, attention_size=32)
        self.recurrent = Recurrent(cell, hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 10)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.patches(pictures.unsqueeze(1)).flatten(2).transpose(1, 2) + self.places)  # (B, L, D)
        keys, state = self.attention.keys(features), self.recurrent.zero_state(features)
        outputs, looked = [], []
        for _ in range(GLIMPSES):
            z, p = self.attention(state[:, -1, 0].unsqueeze(1), features, keys)
            h, state = self.recurrent.step(z.squeeze(1), state)
            outputs.append(self.output(h))
            looked.append(p.squeeze(1))
        return torch.stack(outputs, dim=1), torch.stack(looked, dim=1)

    def loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """It should know the digit as early as it can: every glimpse counts."""
        return cross_entropy(self(pictures)[0].flatten(0, 1), labels.repeat_interleave(GLIMPSES))


class Drawer(nn.Module):
    """The row before and the digit wanted -> the probability of ink at each pixel of the next row."""

    def __init__(self, *, cell: str, hidden_size: int = 128):
        super().__init__()
        self.recurrent = Recurrent(cell, SIDE + 10, hidden_size)
        self.output = nn.Linear(hidden_size, SIDE)

    def forward(self, rows: Tensor, wanted: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """rows (B, T, SIDE) and digits (B,) -> the logits of the rows that follow each (B, T, SIDE), and the state."""
        condition = one_hot(wanted, 10).float().unsqueeze(1).expand(-1, rows.shape[1], -1)
        h, state = self.recurrent(torch.cat((rows, condition), dim=2), state)
        return self.output(h), state

    def loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Teacher forcing: each true row from the true rows above it."""
        above = pad(pictures, (0, 0, 1, -1))  # an empty row comes first, the last is left out
        return binary_cross_entropy_with_logits(self(above, labels)[0], pictures)

    @torch.no_grad()
    def draw(self, wanted: Tensor, *, temperature: float = 0.5) -> Tensor:
        """Digits (B,) -> pictures (B, SIDE, SIDE) of ink (1) or none (0), drawn from an empty row above them."""
        row, state, rows = torch.zeros(len(wanted), 1, SIDE), None, []
        for _ in range(SIDE):
            logits, state = self(row, wanted, state)
            row = torch.bernoulli(torch.sigmoid(logits / temperature))
            rows.append(row)
        return torch.cat(rows, dim=1)


@torch.no_grad()
def recognised(reader: Reader, pictures: Tensor, labels: Tensor) -> list[float]:
    """The share of digits named rightly after each glimpse."""
    return (reader(pictures)[0].argmax(dim=2) == labels.unsqueeze(1)).float().mean(dim=0).tolist()


@torch.no_grad()
def draw(reader: Reader, pictures: Tensor, drawn: Tensor, wanted: Tensor, file: Path) -> None:
    """Left, digits as they are read, each glimpse lit and what was thought after it; right, `drawn` as `wanted`."""
    outputs, looked = reader(pictures)
    light = looked.unflatten(2, (SIDE // PATCH, -1)).repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)
    lit = (0.2 + 0.8 * pictures.unsqueeze(1)) * (0.25 + 0.75 * light / light.amax(dim=(2, 3), keepdim=True))
    thought = [f"glimpse {n}: {digit}" for row in outputs.argmax(dim=2).tolist() for n, digit in enumerate(row, 1)]
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(GLIMPSES, 5))
    gallery(left, "Read in glimpses", lit.flatten(0, 1), thought, columns=GLIMPSES, colours="magma")
    gallery(right, "Drawn row by row", drawn, [f"draw {n}" for n in wanted.tolist()], columns=5, colours="gray_r")
    figure.savefig(file, dpi=100)


def main(out: Path = Path(), cell: str = "gru"):
    """Learn to read digits in glimpses and to draw them, with the cell rnn, lstm or gru; writes digits.png into OUT."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    data = digits(5000, Random(1))
    reader, drawer = Reader(cell=cell), Drawer(cell=cell)
    train(reader, *data, updates=400)
    train(drawer, *data, updates=400)
    pictures, labels = digits(500, Random(2))
    print("right after each glimpse:", *(f"{right:.1%}" for right in recognised(reader, pictures, labels)))
    wanted = torch.arange(10).repeat(50)
    print(f"drawn digits that the reader recognises: {recognised(reader, drawer.draw(wanted), wanted)[-1]:.1%}")
    read = torch.stack([pictures[labels == digit][0] for digit in (2, 4, 5, 9)])
    draw(reader, read, drawer.draw(wanted[:20]), wanted[:20], out / "digits.png")


if __name__ == "__main__":
    typer.run(main)
