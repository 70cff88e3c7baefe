"""What a captioner runs on: three functions from arrays to arrays.

`captioner.network.CaptionNetwork` offers them in PyTorch, `captioner.onnx_engine.OnnxEngine` in ONNX Runtime. An engine
needs no search and no preprocessing of its own. One that can tell each row's likeliest words sooner than search finds
them among all logits offers `likeliest` as well (`captioner.search.Likeliest`).
"""

from typing import Any, Protocol

import numpy as np


class DecodingState(Protocol):
    """Where B sentences stand; what `captioner.search` needs of it, and where each row looked.

    Attributes:
        p: (B, L), the attention before the last word; None before the first.
    """

    p: np.ndarray | None

    def __len__(self) -> int:
        """B."""

    def select(self, rows: np.ndarray) -> "DecodingState":
        """The state of these rows, (P, Q) with the Q rows of one photo in each line, in the order given."""


class Engine(Protocol):
    """The captioner's functions.

    Attributes:
        image_size: S, the side of the photos it takes.
        grid: (rows, cols) of the features; L = rows * cols.
    """

    image_size: int
    grid: tuple[int, int]

    def encode(self, photos: np.ndarray) -> Any:
        """Normalised photos (B, 3, S, S) -> features (B, L, D), in the engine's own kind of array."""

    def start(self, features: Any) -> DecodingState:
        """Features (B, L, D) -> the state before the first word, one row a photo."""

    def step(self, tokens: np.ndarray, state: DecodingState) -> tuple[np.ndarray, DecodingState]:
        """The word before (B,) and the state -> float32 logits (B, V) of the next word, and the new state."""
