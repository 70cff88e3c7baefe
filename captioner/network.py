"""The captioner's network: photos -> features -> words. Knows tensors only; `captioner.predictor` knows the rest."""

from dataclasses import asdict

import torch
from torch import Tensor, nn

from encoders.cnn import ImageEncoder
from runtime.device import autocast

from .decoder import Decoder, DecoderSettings, DecoderState


class CaptionNetwork(nn.Module):
    """An image encoder and a decoder: the engine of a `Captioner` in PyTorch, and what training fits.

    Teacher forcing is `decoder(features, tokens, lengths)`.

    Args:
        encoder: the photo's side.
        vocabulary_size: V.
        settings: sizes of the decoder.
    """

    def __init__(self, encoder: ImageEncoder, *, vocabulary_size: int, settings: DecoderSettings | None = None):
        super().__init__()
        self.settings = settings or DecoderSettings()
        self.encoder = encoder
        self.decoder = Decoder(
            vocabulary_size=vocabulary_size, feature_size=encoder.feature_size, **asdict(self.settings)
        )

    @property
    def device(self) -> torch.device:
        return self.decoder.bias.device

    @property
    def image_size(self) -> int:
        """S, the side of the photos it takes."""
        return self.encoder.image_size

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, cols) of the features; L = rows * cols."""
        return self.encoder.grid

    @torch.no_grad()
    def encode(self, photos: Tensor) -> Tensor:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        with autocast(self.device):
            return self.encoder(photos.to(self.device)).float()

    def start(self, features: Tensor) -> DecoderState:
        """Features (B, L, D) -> the state before the first word, one row a photo."""
        weights = self.decoder.bias.dtype
        with autocast(self.device, weights=weights):
            return self.decoder.start(features.to(self.device, weights))

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The word before (B,) and the state -> logits (B, V) of the next word, and the new state."""
        with autocast(self.device, weights=self.decoder.bias.dtype):
            return self.decoder.step(tokens, state)
