"""Many to many in step: a label for every frame of a video, as it comes.

A ball bounces through a dark room; at every frame the network says which way it goes next. A single frame cannot
tell, so what was seen before must be in the state; and for a few frames the light is out. The same network without a
state is trained beside it. Nothing of the future is used, so it can run live.

    python examples/video.py --out DIR
"""

from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from encoders.recurrent import Recurrent
from learning import descent, show

DIRECTIONS = ("left", "right", "up", "down")
STEPS = torch.tensor([[0, -1], [0, 1], [-1, 0], [1, 0]])  # of (row, column)
SIDE, FRAMES, DARK = 10, 16, 3


def videos(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Frames (N, T, SIDE, SIDE) and, for each, the number of the direction the ball goes next (N, T).

    The ball is 2 x 2 and turns round at a wall. The light is out for `DARK` frames from a random one on, not the first
    four; before the second frame nobody can know which way it goes.
    """
    places = torch.randint(0, SIDE - 1, (count, 2), generator=generator)
    labels = torch.randint(0, 4, (count,), generator=generator)
    dark = torch.randint(4, FRAMES - DARK + 1, (count,), generator=generator)
    frames, directions = torch.zeros(count, FRAMES, SIDE, SIDE), torch.zeros(count, FRAMES, dtype=torch.long)
    rows = torch.arange(count)
    for t in range(FRAMES):
        ahead = places + STEPS[labels]
        blocked = ((ahead < 0) | (ahead > SIDE - 2)).any(dim=1)
        labels = torch.where(blocked, labels ^ 1, labels)  # left and right are 0 and 1, up and down 2 and 3
        directions[:, t] = labels
        lit = ((t < dark) | (t >= dark + DARK)).float()
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            frames[rows, t, places[:, 0] + down, places[:, 1] + right] = lit
        places = places + STEPS[labels]
    return frames, directions


class Watcher(nn.Module):
    """Frames (B, T, SIDE, SIDE) -> logits (B, T, 4). `cell` none: each frame by itself."""

    def __init__(self, *, cell: str, hidden_size: int = 64):
        super().__init__()
        self.frame = nn.Sequential(nn.Flatten(2), nn.Linear(SIDE * SIDE, hidden_size), nn.ReLU())
        self.recurrent = Recurrent(cell, hidden_size, hidden_size) if cell != "none" else None
        self.output = nn.Linear(hidden_size, len(DIRECTIONS))

    def forward(self, frames: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The logits, and the state after the last frame: hand it in again with the frames that come next."""
        h = self.frame(frames)  # (B, T, H)
        if self.recurrent:
            h, state = self.recurrent(h, state)
        return self.output(h), state


def train(model: Watcher, *, updates: int, generator: torch.Generator) -> None:
    """Adam, on 64 new videos each time. The first frame does not count: there is nothing to know it from."""
    descend = descent(model, 5e-3)
    for _ in range(updates):
        frames, labels = videos(64, generator)
        descend(cross_entropy(model(frames)[0][:, 1:].flatten(0, 1), labels[:, 1:].flatten()))


@torch.no_grad()
def accuracy(model: Watcher, frames: Tensor, labels: Tensor) -> tuple[float, float]:
    """The share of labels that are right from the second frame on: of frames with light, and of dark ones."""
    right = (model(frames)[0].argmax(dim=2) == labels)[:, 1:]
    lit = (frames.flatten(2).amax(dim=2) > 0)[:, 1:]
    return right[lit].float().mean().item(), right[~lit].float().mean().item()


@torch.no_grad()
def draw(model: Watcher, frames: Tensor, labels: Tensor, file: Path) -> None:
    """Film strips: what the network says below each frame, in red where it is wrong."""
    figure = Figure(figsize=(13, 1.15 * len(frames)), layout="constrained")
    directions = model(frames)[0].argmax(dim=2)
    for strip, (row, film) in enumerate(zip(figure.subplots(len(frames), FRAMES), frames, strict=True)):
        for t, (ax, frame) in enumerate(zip(row, film, strict=True)):
            colour = "black" if directions[strip, t] == labels[strip, t] else "red"
            show(ax, frame, "gray", DIRECTIONS[directions[strip, t]], fontsize=8, color=colour, labelpad=2)
    figure.savefig(file, dpi=100)


def main(out: Path = Path(), cell: str = "gru"):
    """Learn to say at each frame which way a ball goes, with the cell rnn, lstm or gru; writes video.png into OUT."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    frames, labels = videos(500, generator)
    for kind in ("none", cell):
        model = Watcher(cell=kind)
        train(model, updates=400, generator=generator)
        lit, dark = accuracy(model, frames, labels)
        print(f"{f'cell {kind}' if kind != 'none' else 'without a state'}: {lit:.1%} right, {dark:.1%} in the dark")
    draw(model, frames[:4], labels[:4], out / "video.png")


if __name__ == "__main__":
    typer.run(main)
