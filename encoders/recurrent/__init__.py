"""Recurrent cells as their equations, one file each, and the stack that runs them over time.

`Recurrent` is what the captioner's decoder and the question encoder use; `RecurrentSettings` names all its choices.
"""

from .cell import Cell
from .clip import clip_gradient_norm
from .gru import GRUCell
from .highway import Highway
from .lstm import LSTMCell
from .lstm_variants import LSTMVariantCell
from .rnn import RNNCell
from .settings import CELLS, RecurrentSettings
from .stack import Recurrent, bptt_chunks

__all__ = [
    "CELLS",
    "Cell",
    "GRUCell",
    "Highway",
    "LSTMCell",
    "LSTMVariantCell",
    "RNNCell",
    "Recurrent",
    "RecurrentSettings",
    "bptt_chunks",
    "clip_gradient_norm",
]
