"""A photo's features by ONNX Runtime: the graph of an `ImageEncoder`."""

from pathlib import Path

import numpy as np

from runtime.checkpoint import model_folder
from runtime.onnx_graphs import Graph, checked_graphs, graph_file

ENCODER = "encoder.onnx"


class OnnxEncoder:
    """(B, 3, S, S) normalised photos -> (B, L, D) features.

    Args:
        folder: of the model that has the encoder; config: its own.
        int8: compute in 8 bits.

    Attributes:
        int8: whether it computes in 8 bits.
        image_size: S. grid: (rows, cols); L = rows * cols. feature_size: D.
        trained_as: fingerprint of the PyTorch encoder that the graph was made of.
        fingerprint: what it is known by: features of encoders of one fingerprint are the same.

    Raises:
        ModelError: the graphs cannot be used; see `runtime.onnx_graphs`.
    """

    def __init__(self, folder: Path, config: dict, *, int8: bool = False):
        about = checked_graphs(folder, config, int8=int8)
        name = graph_file(ENCODER, about, int8=int8)
        self.int8 = int8
        self.image_size: int = config["preprocessing"]["size"]
        self.grid: tuple[int, int] = tuple(about["grid"])
        self.feature_size: int = about["feature_size"]
        self.trained_as: str = about["encoder"]
        self.fingerprint = f"onnx-{about['files'][name]}-{self.trained_as}"
        # One photo at a time stays in the processor's cache, and lets ONNX Runtime make paddings part of convolutions.
        self._graph = Graph(model_folder(folder) / name, photos=1)

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        each = [self._graph(photos=photo[None])[0] for photo in photos]
        return np.concatenate(each) if len(each) > 1 else each[0]
