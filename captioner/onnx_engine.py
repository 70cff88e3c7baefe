"""A captioner's engine in ONNX Runtime: the graphs that `captioner.onnx_export` makes of its network."""

from pathlib import Path

import numpy as np

from encoders.onnx_encoder import OnnxEncoder
from runtime.checkpoint import model_folder
from runtime.onnx_graphs import Graph

from .state import DecoderState

START_GRAPH, STEP_GRAPH = "start.onnx", "step.onnx"


class OnnxEngine:
    """Offers what `captioner.engine.Engine` names.

    Args:
        folder: the model's; config: its `config.json`.

    Raises:
        ModelError: the graphs cannot be used; see `runtime.onnx_graphs`.
    """

    def __init__(self, folder: Path, config: dict):
        self.encoder = OnnxEncoder(folder, config)
        self.image_size, self.grid = self.encoder.image_size, self.encoder.grid
        self.encoder_fingerprint = self.encoder.fingerprint
        self._start, self._step = (Graph(model_folder(folder) / name) for name in (START_GRAPH, STEP_GRAPH))

    def encode(self, photos: np.ndarray) -> np.ndarray:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        return self.encoder(photos)

    def start(self, features: np.ndarray) -> DecoderState:
        """Features (B, L, D) -> the state before the first word, one row a photo."""
        return DecoderState(*self._start(features=features))

    def step(self, tokens: np.ndarray, state: DecoderState) -> tuple[np.ndarray, DecoderState]:
        """The word before (B,) and the state -> logits (B, V) of the next word, and the new state."""
        logits, recurrent, p = self._step(
            tokens=tokens, features=state.features, keys=state.keys, recurrent=state.recurrent
        )
        return logits, DecoderState(state.features, state.keys, recurrent, p)
