"""A captioner's model folder: config.json and weights on disk -> a `Captioner`."""

from pathlib import Path

import torch

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.inference import prepare_for_inference
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_CAPTIONER, folder_of
from runtime.checkpoint import CONFIG, load_weights, model_folder, read_config
from runtime.device import best_device
from runtime.errors import ModelError, SettingError, shown

from .decoder import DecoderSettings
from .predictor import Captioner

BUNDLED = BUNDLED_CAPTIONER


def load(model: str | Path = BUNDLED, *, device: torch.device | None = None, exact: bool = False) -> Captioner:
    """A captioner from its folder, or the bundled one; in evaluation mode, on the best device.

    Args:
        exact: keep the weights as they were trained, to train or save them. Else they are made ready for use only:
            see `encoders.inference.prepare_for_inference`.

    Raises:
        ModelError: the folder is missing, damaged, or holds something else.
    """
    folder = folder_of(model)
    config = read_config(folder, kind="captioner")
    try:
        with torch.device("meta"):  # the weights follow: no need to draw random ones first
            captioner = Captioner.build(
                ImageEncoder(**config["encoder"]),
                Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"]),
                Preprocessing(**config["preprocessing"]),
                DecoderSettings(**config["decoder"]),
                about=config["about"],
            )
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, SettingError) else repr(error)
        raise ModelError(
            f"{shown(model_folder(folder) / CONFIG)} is incomplete or damaged ({reason}); copy the model folder again."
        ) from None
    network = captioner.network
    load_weights(folder, network)
    prepare_for_inference(
        network, few_rows=network.decoder, encoder=network.encoder, device=device or best_device(), exact=exact
    )
    return captioner
