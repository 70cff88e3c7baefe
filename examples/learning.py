"""What the examples share: steps of gradient descent, and pictures in a figure."""

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from torch import Tensor, nn

from encoders.recurrent import clip_gradient_norm


def descent(model: nn.Module, rate: float) -> Callable[[Tensor], float]:
    """A function that takes one step of Adam down a loss, its gradient clipped to norm 1, and returns the loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    def step(loss: Tensor) -> float:
        optimizer.zero_grad()
        loss.backward()
        clip_gradient_norm(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def train(model: nn.Module, *data: Tensor, updates: int, rate: float = 8e-3) -> None:
    """So many steps down `model.loss`, of 64 rows of each tensor of the data drawn at random."""
    descend = descent(model, rate)
    for _ in range(updates):
        rows = torch.randint(len(data[0]), (64,))
        descend(model.loss(*(tensor[rows] for tensor in data)))


def show(ax: Axes, picture: Tensor, colours: str, label: object = "", **style) -> None:
    """A picture (rows, columns) of numbers from 0 to 1, and a label below it."""
    ax.imshow(picture.numpy(), cmap=colours, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(str(label), **style)


def gallery(figure: FigureBase, title: str, pictures: Tensor, labels: list[str], *, columns: int, colours: str) -> None:
    """Pictures (N, rows, columns) side by side, so many in a line, a label below each."""
    axes = figure.subplots(-(-len(pictures) // columns), columns).flat
    for ax, picture, label in zip(axes, pictures, labels, strict=True):
        show(ax, picture, colours, label, labelpad=3)
    figure.suptitle(title, fontsize=11)
