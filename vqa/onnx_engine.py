"""An answerer's engine in ONNX Runtime: the graphs that `vqa.onnx_export` makes of its network."""

from pathlib import Path

import numpy as np

from encoders.onnx_encoder import OnnxEncoder
from runtime.checkpoint import model_folder, read_config
from runtime.errors import ModelError
from runtime.onnx_graphs import Graph, checked_graphs, graph_file

from .shared import encoder_changed_message, shared_folder

START_GRAPH, QUESTION_GRAPH, HEAD_GRAPH = "start.onnx", "question.onnx", "head.onnx"


class OnnxEngine:
    """Offers what `vqa.engine.Engine` names.

    Args:
        folder: the model's; config: its `config.json`.
        encoder: the bundled captioner's, where it is in memory already; used where it is an `OnnxEncoder`, and this
            model shares it.

    Raises:
        ModelError: the graphs cannot be used (see `runtime.onnx_graphs`), or the encoder that it shares has changed.
    """

    def __init__(self, folder: Path, config: dict, *, encoder=None, int8: bool = False):
        about = checked_graphs(folder, config, int8=int8)
        shared = config["encoder"].get("from")
        self.encoder = (
            _shared_encoder(folder, config["encoder"], encoder, int8=int8)
            if shared
            else OnnxEncoder(folder, config, int8=int8)
        )
        self.image_size, self.grid = self.encoder.image_size, self.encoder.grid
        self.feature_size, self.encoder_fingerprint = self.encoder.feature_size, self.encoder.fingerprint
        self.glimpses: int = about["glimpses"]
        self._start, self._question, self._head = (
            Graph(model_folder(folder) / graph_file(name, about, int8=int8))
            for name in (START_GRAPH, QUESTION_GRAPH, HEAD_GRAPH)
        )

    def encode(self, photos: np.ndarray) -> np.ndarray:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        return self.encoder(photos)

    def start(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """What all questions on P photos share, computed once: features (P, L, D)."""
        return dict(zip(("features", "keys"), self._start(features=features), strict=False))  # keys only to look

    def answer(
        self, memory: dict, tokens: np.ndarray, lengths: np.ndarray, blind: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Score every answer to Q questions on each of P photos; arguments and results as of `vqa.engine.Engine`."""
        q = self._encode_questions(tokens.reshape(lengths.size, -1), lengths.ravel()).reshape(*lengths.shape, -1)
        logits, p = self._head(q=q, blind=np.zeros(lengths.shape, bool) if blind is None else blind, **memory)
        return logits, p

    def _encode_questions(self, tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Questions (N, T) -> (N, H). The same is asked about many photos: each different question is encoded once."""
        if len(lengths) == 1:
            return self._question(tokens=tokens, lengths=lengths)[0]
        rows = np.concatenate((lengths[:, None], tokens), axis=1).tolist()
        asked = [tuple(row) for row in rows]  # `np.unique` takes a fifth of a millisecond
        place = {question: n for n, question in enumerate(dict.fromkeys(asked))}
        unique = np.array([*place], dtype=np.int64)
        [vectors] = self._question(tokens=unique[:, 1:], lengths=unique[:, 0])
        return vectors[[place[question] for question in asked]]


def _shared_encoder(folder: Path, source: dict, preloaded, *, int8: bool) -> OnnxEncoder:
    """The encoder that a folder was trained on and does not store: the one lent, or the model's that has it.

    Raises:
        ModelError: it is another one by now, or has no graphs.
    """
    name, wanted = source["from"], source.get("fingerprint")
    other = shared_folder(name)
    fits = isinstance(preloaded, OnnxEncoder) and preloaded.int8 == int8
    encoder = preloaded if fits else OnnxEncoder(other, read_config(other, kind="captioner"), int8=int8)
    if encoder.trained_as != wanted:
        raise ModelError(encoder_changed_message(folder, name, wanted, encoder.trained_as))
    return encoder
