"""A captioner's network -> the ONNX graphs that `captioner.onnx_engine` runs."""

from pathlib import Path

import torch
from torch import Tensor, nn

from encoders.onnx_encoder import ENCODER
from encoders.onnx_export import save_encoder
from runtime.onnx_export import save_graph
from runtime.onnx_products import quantise_products

from .network import CaptionNetwork
from .onnx_engine import BEST, START_GRAPH, STEP_GRAPH
from .state import DecoderState


class _Start(nn.Module):
    def __init__(self, network: CaptionNetwork):
        super().__init__()
        self.decoder = network.decoder

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        state = self.decoder.start(features)
        return state.features, state.keys, state.recurrent


class _Step(nn.Module):
    def __init__(self, network: CaptionNetwork):
        super().__init__()
        self.decoder = network.decoder

    def forward(self, tokens: Tensor, features: Tensor, keys: Tensor, recurrent: Tensor) -> tuple[Tensor, ...]:
        logits, state = self.decoder.step(tokens, DecoderState(features, keys, recurrent))
        log_p, words = torch.log_softmax(logits, dim=1).topk(min(BEST, self.decoder.bias.shape[0]), dim=1)
        return logits, state.recurrent, state.p, words, log_p


def save_graphs(network: CaptionNetwork, folder: Path) -> tuple[str, ...]:
    """Write the graphs into the model's folder, and tell their names.

    Raises:
        ModelError: see `runtime.onnx_export.save_graph`.
    """
    encoder = network.encoder
    save_encoder(encoder, folder)
    photos = torch.zeros(2, encoder.grid[0] * encoder.grid[1], encoder.feature_size)
    with torch.no_grad():
        state = network.decoder.start(photos)
    state = state.select(torch.arange(2).repeat_interleave(3).view(2, 3))
    per_photo = {name: {0: "photos"} for name in ("features", "keys")}
    save_graph(
        folder / START_GRAPH, _Start(network), {"features": photos}, ("projected", "keys", "recurrent"),
        sizes={name: {0: "photos"} for name in ("features", "projected", "keys", "recurrent")},
    )  # fmt: skip
    told = ("logits", "new_recurrent", "p", "words", "log_p")
    step = {"features": state.features, "keys": state.keys, "recurrent": state.recurrent}
    save_graph(
        folder / STEP_GRAPH, _Step(network), {"tokens": torch.ones(6, dtype=torch.long), **step},
        told,
        sizes=per_photo | {name: {0: "rows"} for name in ("tokens", "recurrent", *told)},
    )  # fmt: skip
    return ENCODER, START_GRAPH, STEP_GRAPH


def quantise_decoder(folder: Path) -> tuple[str, ...]:
    """Make graphs of the decoder in 8 bits beside those that a model's folder has, and tell their names."""
    return quantise_products(folder / START_GRAPH), quantise_products(folder / STEP_GRAPH)
