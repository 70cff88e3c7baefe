"""What an answerer runs on: three functions from tensors to tensors.

`vqa.network.AnswerNetwork` offers them in PyTorch. Another engine needs no preprocessing of its own.
"""

from typing import Any, Protocol

from torch import Tensor


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

    def encode(self, photos: Tensor) -> Tensor:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""

    def start(self, features: Tensor) -> Any:
        """Features (P, L, D) -> what all questions on these P photos share, for `answer`."""

    def answer(
        self, memory: Any, tokens: Tensor, lengths: Tensor, blind: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Score every answer to Q questions on each of P photos.

        Args:
            memory: of the P photos, from `start`.
            tokens: (P, Q, T), padded; lengths: (P, Q), 0 for a question that is not there.
            blind: bool (P, Q), true for a question that is asked without its photo; none unless given.

        Returns:
            logits (P, Q, N), and where each of G glimpses looked, (P, Q, G, L).
        """
