"""A captioner's engine in PyTorch, from its model folder."""

from pathlib import Path

import torch

from encoders.cnn import ImageEncoder
from encoders.inference import prepare_for_inference
from runtime.checkpoint import building_from_config, load_weights, without_weights
from runtime.device import best_device

from .decoder import DecoderSettings
from .network import CaptionNetwork


def load_network(folder: Path, config: dict, *, device: torch.device | None, exact: bool) -> CaptionNetwork:
    """The network that a folder's config describes, with its weights; arguments as of `captioner.load`.

    Raises:
        ModelError: config or weights are damaged, or do not belong together.
    """
    with building_from_config(folder):
        network = without_weights(
            lambda: CaptionNetwork(
                ImageEncoder(**config["encoder"]),
                vocabulary_size=len(config["vocabulary"]["tokens"]),
                settings=DecoderSettings(**config["decoder"]),
            )
        )
    load_weights(folder, network)
    prepare_for_inference(
        network, few_rows=network.decoder, encoder=network.encoder, device=device or best_device(), exact=exact
    )
    return network
