"""The captioner's network: photos -> features -> words. Knows tensors only; `captioner.predictor` knows the rest."""

from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor

from encoders.cnn import ImageEncoder
from encoders.photo_network import PhotoNetwork
from runtime.device import autocast

from .decoder import Decoder, DecoderSettings
from .state import DecoderState


class CaptionNetwork(PhotoNetwork):
    """An image encoder and a decoder: the engine of a `Captioner` in PyTorch, and what training fits.

    Teacher forcing is `decoder(features, tokens, lengths)`. The engine's functions need no gradient, and take arrays
    as well as tensors.

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

    @torch.inference_mode()
    def start(self, features: np.ndarray | Tensor) -> DecoderState:
        """Features (B, L, D) -> the state before the first word, one row a photo."""
        weights = self.decoder.bias.dtype
        with autocast(self.device, weights=weights):
            return self.decoder.start(torch.as_tensor(features).to(self.device, weights))

    @torch.inference_mode()
    def step(self, tokens: np.ndarray | Tensor, state: DecoderState) -> tuple[np.ndarray, DecoderState]:
        """The word before (B,) and the state -> logits (B, V) of the next word, and the new state."""
        with autocast(self.device, weights=self.decoder.bias.dtype):
            logits, state = self.decoder.step(torch.as_tensor(tokens), state)
        return logits.float().cpu().numpy(), replace(state, p=state.p.cpu().numpy())

    @torch.inference_mode()
    def likeliest(
        self, tokens: np.ndarray | Tensor, state: DecoderState, count: int
    ) -> tuple[np.ndarray, np.ndarray, DecoderState]:
        """A step, and each row's `count` likeliest words, best first: words, log-probabilities (B, K), new state."""
        with autocast(self.device, weights=self.decoder.bias.dtype):
            logits, state = self.decoder.step(torch.as_tensor(tokens), state)
        log_p, words = torch.log_softmax(logits.float(), dim=1).topk(min(count, logits.shape[1]), dim=1)
        return words.cpu().numpy(), log_p.cpu().numpy(), replace(state, p=state.p.cpu().numpy())
