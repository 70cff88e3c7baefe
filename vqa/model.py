"""An answerer's model folder: config.json and weights on disk -> an `Answerer`."""

from pathlib import Path

import torch
from torch import nn

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.inference import encoder_fingerprint, prepare_for_inference
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_VQA, folder_of
from runtime.checkpoint import CONFIG, WEIGHTS, fill, model_folder, read_config, read_tensors
from runtime.device import best_device
from runtime.errors import ModelError, SettingError, shown

from .answers import AnswerSet
from .head import HeadSettings
from .predictor import Answerer
from .shared import shared_config, shared_tensors

BUNDLED = BUNDLED_VQA


def load(
    model: str | Path = BUNDLED,
    *,
    encoder: ImageEncoder | None = None,
    device: torch.device | None = None,
    exact: bool = False,
) -> Answerer:
    """An answerer from its folder, or the bundled one; in evaluation mode, on the best device.

    Args:
        encoder: the bundled captioner's, where it is in memory already: a folder that shares it then reads no second
            copy, and the one given is not changed. A folder with an encoder of its own does not need it.
        exact: keep the weights as they were trained, to train or save them. Else they are made ready for use only:
            see `encoders.inference.prepare_for_inference`.

    Raises:
        ModelError: the folder is missing, damaged, holds something else, or shares an encoder that has changed.
    """
    folder = folder_of(model)
    config = read_config(folder, kind="vqa")
    lent = encoder
    try:
        shared = bool(config["encoder"].get("from"))
        encoder = _shared_encoder(folder, config["encoder"], lent) if shared else None
        with torch.device("meta"):  # the weights follow: no need to draw random ones first
            answerer = _built(config, encoder)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, SettingError) else repr(error)
        raise ModelError(
            f"{shown(model_folder(folder) / CONFIG)} is incomplete or damaged ({reason}); copy the model folder again."
        ) from None
    network = answerer.network
    path = model_folder(folder) / WEIGHTS
    own = nn.ModuleDict({"question": network.question, "head": network.head}) if shared else network
    fill(own, read_tensors(path), shown(path))
    own_encoder = None if shared and lent else network.encoder
    prepare_for_inference(
        network, few_rows=network.question, encoder=own_encoder, device=device or best_device(), exact=exact
    )
    return answerer


def _shared_encoder(folder, source: dict, lent: ImageEncoder | None) -> ImageEncoder:
    """The encoder that a folder was trained on and does not store: the one lent, or read from the model that has it.

    Raises:
        ModelError: it is another one by now. That is said before anything is built on it, which would not fit.
    """
    name, wanted = source["from"], source.get("fingerprint")
    encoder = lent
    if encoder is None:
        with torch.device("meta"):
            encoder = ImageEncoder(**shared_config(name))
        fill(encoder, shared_tensors(name), name)
    if (found := encoder_fingerprint(encoder)) != wanted:
        raise ModelError(
            f"{shown(folder)} was trained on the encoder {wanted} of {name}, and the one here is {found}; use it with "
            "the glimpse it came with, or train it again."
        )
    return encoder


def _built(config: dict, encoder: ImageEncoder | None) -> Answerer:
    """The answerer that a folder's config describes, without its weights, around this encoder if one is given."""
    return Answerer.build(
        encoder or ImageEncoder(**config["encoder"]),
        Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"]),
        AnswerSet.from_list(config["answers"]),
        Preprocessing(**config["preprocessing"]),
        HeadSettings(**config["head"]),
        temperature=config["temperature"],
        threshold=config["threshold"],
        encoder_from=config["encoder"].get("from"),
        about=config["about"],
    )
