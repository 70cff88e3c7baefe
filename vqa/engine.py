"""What an answerer runs on: three functions from arrays to arrays.

`vqa.network.AnswerNetwork` offers them in PyTorch, `vqa.onnx_engine.OnnxEngine` in ONNX Runtime. An engine needs no
preprocessing of its own.
"""

from typing import Any, Protocol

import numpy as np


class Engine(Protocol):
    """The answerer's functions.

    Attributes:
        image_size: S, the side of the photos it takes.
        grid: (rows, cols) of the features; L = rows * cols.
        feature_size: D.
        glimpses: G, how often a question chooses where to look.
    """

    image_size: int
    grid: tuple[int, int]
    feature_size: int
    glimpses: int

    def encode(self, photos: np.ndarray) -> Any:
        """Normalised photos (B, 3, S, S) -> features (B, L, D), in the engine's own kind of array."""

    def start(self, features: Any) -> Any:
        """Features (P, L, D) -> what all questions on these P photos share, for `answer`."""

    def answer(
        self, memory: Any, tokens: np.ndarray, lengths: np.ndarray, blind: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score every answer to Q questions on each of P photos.

        Args:
            memory: of the P photos, from `start`.
            tokens: (P, Q, T), padded; lengths: (P, Q), 0 for a question that is not there.
            blind: bool (P, Q), true for a question that is asked without its photo; none unless given.

        Returns:
            float32 logits (P, Q, N), and where each of G glimpses looked, (P, Q, G, L).
        """
