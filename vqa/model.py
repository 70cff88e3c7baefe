"""An answerer's model folder: config.json, weights and graphs on disk -> an `Answerer`."""

from pathlib import Path
from typing import TYPE_CHECKING

from encoders.images import Preprocessing
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_VQA, folder_of
from runtime.checkpoint import building_from_config, read_config

from .answers import AnswerSet
from .predictor import Answerer

if TYPE_CHECKING:
    import torch

BUNDLED = BUNDLED_VQA


def load(
    model: str | Path = BUNDLED,
    *,
    encoder=None,
    device: "torch.device | None" = None,
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
    from .torch_engine import load_network

    folder = folder_of(model)
    config = read_config(folder, kind="vqa")
    with building_from_config(folder):
        vocabulary = Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"])
        answers = AnswerSet.from_list(config["answers"])
        preprocessing = Preprocessing(**config["preprocessing"])
        more = {name: config[name] for name in ("temperature", "threshold", "about")}
        shared = config["encoder"].get("from")
    engine = load_network(folder, config, encoder=encoder, device=device, exact=exact)
    with building_from_config(folder):
        return Answerer(engine, vocabulary, answers, preprocessing, encoder_from=shared, **more)
