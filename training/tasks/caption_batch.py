"""A step's photos and captions as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoders.text import END, START, pad


@dataclass  # Fabric rebuilds a batch when it converts or moves it, so it cannot be frozen
class CaptionBatch:
    """P photos with up to Q captions each, the longest first in both directions.

    Attributes:
        photos: features (P, L, D), or normalised photos (P, 3, S, S) when the encoder is trained too.
        tokens: (P, Q, T), start … end, padded; lengths: (P, Q), 0 for a caption that is not there.
        rows: (P,), which photos of the data set these are.
        progress: share of the whole training that is behind.
        all_photos, all_captions, all_words: of the whole batch that this is a part of; its own unless given.
    """

    photos: Tensor
    tokens: Tensor
    lengths: Tensor
    rows: Tensor
    progress: float = 0.0
    all_photos: int = 0
    all_captions: int = 0
    all_words: int = 0

    def __post_init__(self):
        self.all_photos = self.all_photos or len(self.lengths)
        self.all_captions = self.all_captions or len(self)
        self.all_words = self.all_words or int((self.lengths - 1).clamp(min=0).sum())

    @property
    def valid(self) -> Tensor:
        """bool (P, Q, T-1), true where `tokens[:, :, 1:]` is a word or the end to be predicted."""
        steps = torch.arange(self.tokens.shape[2] - 1, device=self.tokens.device)
        return steps < (self.lengths - 1).unsqueeze(2)

    def __len__(self) -> int:
        return int((self.lengths > 0).sum())


def caption_tokens(captions: Sequence[Sequence[Sequence[int]]]) -> tuple[Tensor, Tensor, list[int]]:
    """Encoded captions of P photos -> tokens (P, Q, T), lengths (P, Q), and the order the photos were put in.

    Start and end are added. The longest caption comes first in each photo, the photo with the longest first of all:
    so the decoder can let go of the short ones early.
    """
    framed = [sorted(([START, *c, END] for c in photo), key=len, reverse=True) for photo in captions]
    order = sorted(range(len(framed)), key=lambda i: -len(framed[i][0]))
    most = max(map(len, framed))
    rows = [c for i in order for c in framed[i] + [[]] * (most - len(framed[i]))]
    tokens, lengths = map(torch.from_numpy, pad(rows))
    return tokens.view(len(order), most, -1), lengths.view(len(order), most), order
