"""An answerer's model folder: config.json, weights and graphs on disk -> an `Answerer`."""

from pathlib import Path
from typing import TYPE_CHECKING

from encoders.images import Preprocessing
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_VQA, resolve_model
from runtime.checkpoint import building_from_config, read_config
from runtime.onnx_graphs import load_engine

from .answers import AnswerSet
from .predictor import Answerer

if TYPE_CHECKING:
    import torch

    from .engine import Engine

BUNDLED = BUNDLED_VQA


def load(
    model: str | Path = BUNDLED,
    *,
    encoder=None,
    engine: str | None = None,
    device: "torch.device | None" = None,
    exact: bool = False,
) -> Answerer:
    """An answerer from its folder, or the bundled one, ready for use.

    Args:
        encoder: the bundled captioner's (`captioner.engine.encoder`), where it is in memory already: a folder that
            shares it then reads no second copy, and the one given is not changed. Another engine's is of no use, nor
            any to a folder with an encoder of its own.
        engine, device, exact: as of `captioner.load`.

    Raises:
        ModelError: the folder is missing, damaged, holds something else, or shares an encoder that has changed.
        SettingError: there is no such engine, or PyTorch is needed and not installed.
    """
    folder = resolve_model(model)
    config = read_config(folder, kind="vqa")
    with building_from_config(folder):
        vocabulary = Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"])
        answers = AnswerSet.from_list(config["answers"])
        preprocessing = Preprocessing(**config["preprocessing"])
        more = {name: config[name] for name in ("temperature", "threshold", "about")}
        shared = config["encoder"].get("from")

    def onnx(int8: bool) -> "Engine":
        from .onnx_engine import OnnxEngine

        return OnnxEngine(folder, config, encoder=encoder, int8=int8)

    def torch() -> "Engine":
        from .torch_engine import load_network

        return load_network(folder, config, encoder=encoder, device=device, exact=exact)

    made = load_engine(engine, folder, config, onnx=onnx, torch=torch, only_torch=exact or device is not None)
    with building_from_config(folder):
        return Answerer(made, vocabulary, answers, preprocessing, encoder_from=shared, **more)
