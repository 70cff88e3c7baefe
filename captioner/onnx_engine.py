"""A captioner's engine in ONNX Runtime: the graphs that `captioner.onnx_export` makes of its network."""

from pathlib import Path

import numpy as np

from encoders.onnx_encoder import OnnxEncoder
from runtime.checkpoint import model_folder
from runtime.onnx_graphs import Graph, graph_file

from .search import likeliest_words
from .state import DecoderState

START_GRAPH, STEP_GRAPH = "start.onnx", "step.onnx"
BEST = 16  # words that the step's graph tells of each row: those of a beam of 3, and 7 that would be repetitions


class OnnxEngine:
    """Offers what `captioner.engine.Engine` names.

    Args:
        folder: the model's; config: its `config.json`.
        int8: use the graphs in 8 bits.

    Raises:
        ModelError: the graphs cannot be used; see `runtime.onnx_graphs`.
    """

    def __init__(self, folder: Path, config: dict, *, int8: bool = False):
        self.encoder = OnnxEncoder(folder, config, int8=int8)
        self.image_size, self.grid = self.encoder.image_size, self.encoder.grid
        self.encoder_fingerprint = self.encoder.fingerprint
        self._start, self._step = (
            Graph(model_folder(folder) / graph_file(name, config["onnx"], int8=int8))
            for name in (START_GRAPH, STEP_GRAPH)
        )

    def encode(self, photos: np.ndarray) -> np.ndarray:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        return self.encoder(photos)

    def start(self, features: np.ndarray) -> DecoderState:
        """Features (B, L, D) -> the state before the first word, one row a photo."""
        return DecoderState(*self._start(features=features))

    def step(self, tokens: np.ndarray, state: DecoderState) -> tuple[np.ndarray, DecoderState]:
        """The word before (B,) and the state -> logits (B, V) of the next word, and the new state."""
        [logits], state = self._run(["logits"], tokens, state)
        return logits, state

    def likeliest(
        self, tokens: np.ndarray, state: DecoderState, count: int
    ) -> tuple[np.ndarray, np.ndarray, DecoderState]:
        """A step, and each row's `count` likeliest words, best first: words, log-probabilities (B, K), new state."""
        if count <= BEST and "words" in self._step.outputs:  # graphs of 0.4.0 tell none
            (words, log_p), state = self._run(["words", "log_p"], tokens, state)
            return words[:, :count], log_p[:, :count], state
        logits, state = self.step(tokens, state)
        return *likeliest_words(logits, count), state

    def _run(self, told: list[str], tokens: np.ndarray, state: DecoderState) -> tuple[list[np.ndarray], DecoderState]:
        """These outputs of the step, and the state after it."""
        *told, recurrent, p = self._step(
            [*told, "new_recurrent", "p"],
            tokens=tokens, features=state.features, keys=state.keys, recurrent=state.recurrent,
        )  # fmt: skip
        return told, DecoderState(state.features, state.keys, recurrent, p)
