"""How a cell's input and recurrent matrices start."""

import torch
from torch import nn

from .cell import Cell

INITIALISATIONS = {
    "uniform": None,  # torch's, ± 1 / √H, which a new cell has already
    "orthogonal": nn.init.orthogonal_,  # keeps a gradient's length (Saxe et al. 2014)
    "glorot": nn.init.xavier_uniform_,  # ± √(6 / (in + out)) (Glorot & Bengio 2010)
}


@torch.no_grad()
def initialise(cell: Cell, how: str) -> None:
    """Draw each gate's block of every matrix anew; biases and peepholes stay."""
    draw = INITIALISATIONS[how]
    if draw:
        for weight in cell.parameters():
            if weight.ndim == 2:
                for block in weight.split(cell.hidden_size):
                    draw(block)
