"""What networks that begin with an image encoder have in common: a captioner's and an answerer's."""

import numpy as np
import torch
from torch import Tensor, nn

from runtime.device import autocast

from .cnn import ImageEncoder
from .inference import encoder_fingerprint


class PhotoNetwork(nn.Module):
    """Photos -> features, by its `encoder`. What follows is the subclass's, which knows its `device` too."""

    encoder: ImageEncoder

    @property
    def image_size(self) -> int:
        """S, the side of the photos it takes."""
        return self.encoder.image_size

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of the features; L = rows * cols."""
        return self.encoder.grid

    @property
    def encoder_fingerprint(self) -> str:
        """What the encoder is known by: features of encoders of one fingerprint are the same."""
        return encoder_fingerprint(self.encoder)

    @torch.no_grad()
    def encode(self, photos: np.ndarray | Tensor) -> Tensor:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        with autocast(self.device):
            return self.encoder(torch.as_tensor(photos).to(self.device)).float()
