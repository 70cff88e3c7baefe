"""An `ImageEncoder` -> the ONNX graph that `encoders.onnx_encoder` runs."""

from pathlib import Path

import torch
from torch import nn

from runtime.onnx_export import fold_constants, save_graph

from .cnn import ImageEncoder
from .onnx_encoder import ENCODER


def save_encoder(encoder: ImageEncoder, folder: Path) -> None:
    """Write the encoder's graph, for one photo at a time, into the folder of the model that has it.

    Raises:
        ModelError: see `runtime.onnx_export.save_graph`.
    """
    whole = nn.Module()  # in which the weights have the names that the model's file gives them
    whole.encoder = encoder
    whole.forward = encoder.forward
    size = encoder.image_size
    save_graph(
        folder / ENCODER, whole, {"photos": torch.zeros(2, 3, size, size)}, ("features",),
        sizes={"photos": {0: "photos"}, "features": {0: "photos"}},
    )  # fmt: skip
    fold_constants(folder / ENCODER, photos=1)
