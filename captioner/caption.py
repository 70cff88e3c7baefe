"""Captions: sentences about photos, with each word's probability and where the model looked."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Word:
    """One word of a caption, and the probability the model gave it."""

    text: str
    probability: float


@dataclass(frozen=True)
class Caption:
    """A sentence about a photo.

    Attributes:
        text: the sentence.
        words: its words with their probabilities.
        log_prob: natural logarithm of the whole sentence's probability, its end included.
        attention: (T, rows, cols), where the model looked before each word; each (rows, cols) sums to 1.
        alternatives: the next best sentences, best first, without alternatives of their own.
    """

    text: str
    words: tuple[Word, ...]
    log_prob: float
    attention: np.ndarray = field(compare=False, repr=False)
    alternatives: tuple["Caption", ...] = ()

    def to_json(self) -> dict:
        """As the command line prints it, apart from the photo's name."""
        return {
            "caption": self.text,
            "log_prob": round(self.log_prob, 4),
            "words": [{"word": w.text, "prob": round(w.probability, 4)} for w in self.words],
            "alternatives": [{"caption": a.text, "log_prob": round(a.log_prob, 4)} for a in self.alternatives],
        }
