"""An answerer's engine in PyTorch, from its model folder."""

from pathlib import Path

import torch
from torch import nn

from encoders.cnn import ImageEncoder
from encoders.inference import encoder_fingerprint, prepare_for_inference
from runtime.checkpoint import (
    WEIGHTS,
    building_from_config,
    load_tensors,
    model_folder,
    read_tensors,
    without_weights,
)
from runtime.device import best_device
from runtime.errors import ModelError, printable

from .head import HeadSettings
from .network import AnswerNetwork
from .shared import encoder_changed_message, shared_config, shared_tensors


def load_network(folder: Path, config: dict, *, encoder, device: torch.device | None, exact: bool) -> AnswerNetwork:
    """The network that a folder's config describes, with its weights; arguments as of `vqa.load`.

    Raises:
        ModelError: config or weights are damaged, do not belong together, or share an encoder that has changed.
    """
    preloaded = encoder if isinstance(encoder, ImageEncoder) else None
    with building_from_config(folder):
        shared = bool(config["encoder"].get("from"))
        encoder = _shared_encoder(folder, config["encoder"], preloaded) if shared else None
        network = without_weights(
            lambda: AnswerNetwork(
                encoder or ImageEncoder(**config["encoder"]),
                vocabulary_size=len(config["vocabulary"]["tokens"]),
                answers=len(config["answers"]),
                settings=HeadSettings(**config["head"]),
            )
        )
    path = model_folder(folder) / WEIGHTS
    own = nn.ModuleDict({"question": network.question, "head": network.head}) if shared else network
    load_tensors(own, read_tensors(path), printable(path))
    own_encoder = None if shared and preloaded else network.encoder
    prepare_for_inference(
        network, few_rows=network.question, encoder=own_encoder, device=device or best_device(), exact=exact
    )
    return network


def _shared_encoder(folder: Path, source: dict, preloaded: ImageEncoder | None) -> ImageEncoder:
    """The encoder that a folder was trained on and does not store: the one lent, or read from the model that has it.

    Raises:
        ModelError: it is another one by now. That is said before anything is built on it, which would not fit.
    """
    name, wanted = source["from"], source.get("fingerprint")
    encoder = preloaded
    if encoder is None:
        encoder = without_weights(lambda: ImageEncoder(**shared_config(name)))
        load_tensors(encoder, shared_tensors(name), name)
    if (found := encoder_fingerprint(encoder)) != wanted:
        raise ModelError(encoder_changed_message(folder, name, wanted, found))
    return encoder
