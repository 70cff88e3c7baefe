"""What the examples share: a step of gradient descent, and a picture in a figure."""

from collections.abc import Callable

import torch
from matplotlib.axes import Axes
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


def show(ax: Axes, picture: Tensor, colours: str, label: object = "", **style) -> None:
    """A picture (rows, columns) of numbers from 0 to 1, and a label below it."""
    ax.imshow(picture.numpy(), cmap=colours, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(str(label), **style)
