"""A captioner's model folder: config.json, weights and graphs on disk -> a `Captioner`."""

from pathlib import Path
from typing import TYPE_CHECKING

from encoders.images import Preprocessing
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_CAPTIONER, folder_of
from runtime.checkpoint import building_from_config, read_config

from .predictor import Captioner

if TYPE_CHECKING:
    import torch

BUNDLED = BUNDLED_CAPTIONER


def load(model: str | Path = BUNDLED, *, device: "torch.device | None" = None, exact: bool = False) -> Captioner:
    """A captioner from its folder, or the bundled one; in evaluation mode, on the best device.

    Args:
        exact: keep the weights as they were trained, to train or save them. Else they are made ready for use only:
            see `encoders.inference.prepare_for_inference`.

    Raises:
        ModelError: the folder is missing, damaged, or holds something else.
    """
    from .torch_engine import load_network

    folder = folder_of(model)
    config = read_config(folder, kind="captioner")
    with building_from_config(folder):
        vocabulary = Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"])
        preprocessing, about = Preprocessing(**config["preprocessing"]), config["about"]
    engine = load_network(folder, config, device=device, exact=exact)
    with building_from_config(folder):
        return Captioner(engine, vocabulary, preprocessing, about=about)
