"""A photo's features by ONNX Runtime: the graph of an `ImageEncoder`."""

from pathlib import Path

import numpy as np

from runtime.checkpoint import model_folder
from runtime.onnx_graphs import Graph, checked_graphs

ENCODER = "encoder.onnx"
AT_ONCE = 2  # photos: what is computed of these stays in the processor's cache; of 32 it takes an eighth longer


class OnnxEncoder:
    """(B, 3, S, S) normalised photos -> (B, L, D) features.

    Args:
        folder: of the model that has the encoder; config: its own.

    Attributes:
        image_size: S. grid: (rows, cols); L = rows * cols. feature_size: D.
        trained_as: fingerprint of the PyTorch encoder that the graph was made of.
        fingerprint: what it is known by: features of encoders of one fingerprint are the same.

    Raises:
        ModelError: the graphs cannot be used; see `runtime.onnx_graphs`.
    """

    def __init__(self, folder: Path, config: dict):
        about = checked_graphs(folder, config)
        self.image_size: int = config["preprocessing"]["size"]
        self.grid: tuple[int, int] = tuple(about["grid"])
        self.feature_size: int = about["feature_size"]
        self.trained_as: str = about["encoder"]
        self.fingerprint = f"onnx-{about['files'][ENCODER]}-{self.trained_as}"
        self._graph = Graph(model_folder(folder) / ENCODER)

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        some = [self._graph(photos=photos[n : n + AT_ONCE])[0] for n in range(0, len(photos), AT_ONCE)]
        return np.concatenate(some) if len(some) > 1 else some[0]
