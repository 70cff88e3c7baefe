"""An answerer's network -> the ONNX graphs that `vqa.onnx_engine` runs."""

from pathlib import Path

import torch
from torch import Tensor, nn

from encoders.onnx_encoder import ENCODER
from encoders.onnx_export import save_encoder
from runtime.onnx_export import save_graph
from runtime.onnx_products import quantise_products

from .head import Memory
from .network import AnswerNetwork
from .onnx_engine import HEAD_GRAPH, QUESTION_GRAPH, START_GRAPH


class _Start(nn.Module):
    def __init__(self, network: AnswerNetwork):
        super().__init__()
        self.head = network.head

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        memory = self.head.start(features)
        return (memory.features,) if memory.keys is None else (memory.features, memory.keys)


class _Question(nn.Module):
    def __init__(self, network: AnswerNetwork):
        super().__init__()
        self.question = network.question

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.question(tokens, lengths)


class _Head(nn.Module):
    def __init__(self, network: AnswerNetwork):
        super().__init__()
        self.head = network.head

    def forward(self, q: Tensor, blind: Tensor, features: Tensor, keys: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.head(q, Memory(features, keys), blind)


def save_graphs(network: AnswerNetwork, folder: Path, *, own_encoder: bool) -> tuple[str, ...]:
    """Write the graphs into the model's folder, and tell their names.

    Args:
        own_encoder: whether the folder stores the encoder, rather than share another model's.

    Raises:
        ModelError: see `runtime.onnx_export.save_graph`.
    """
    encoder = network.encoder
    if own_encoder:
        save_encoder(encoder, folder)
    photos = torch.zeros(2, encoder.grid[0] * encoder.grid[1], encoder.feature_size)
    with torch.no_grad():
        memory = network.head.start(photos)
    seen = {"features": memory.features} | ({} if memory.keys is None else {"keys": memory.keys})
    per_photo = {name: {0: "photos"} for name in ("features", "normalised", "keys")}
    save_graph(
        folder / START_GRAPH, _Start(network), {"features": photos}, ("normalised", "keys")[: len(seen)],
        sizes=per_photo,
    )  # fmt: skip
    save_graph(
        folder / QUESTION_GRAPH, _Question(network),
        {"tokens": torch.ones(1, 5, dtype=torch.long), "lengths": torch.tensor([5])}, ("q",),
        sizes={"tokens": {0: "questions", 1: "words"}, "lengths": {0: "questions"}, "q": {0: "questions"}},
    )  # fmt: skip
    asked = {"q": torch.zeros(2, 3, network.settings.question_size), "blind": torch.zeros(2, 3, dtype=torch.bool)}
    save_graph(
        folder / HEAD_GRAPH, _Head(network), asked | seen, ("logits", "p"),
        sizes=per_photo | {name: {0: "photos", 1: "questions"} for name in ("q", "blind", "logits", "p")},
    )  # fmt: skip
    return (*([ENCODER] if own_encoder else []), START_GRAPH, QUESTION_GRAPH, HEAD_GRAPH)


def quantise_head(folder: Path) -> tuple[str, ...]:
    """Make graphs of the head in 8 bits beside those that a model's folder has, and tell their names."""
    return quantise_products(folder / START_GRAPH), quantise_products(folder / HEAD_GRAPH)
