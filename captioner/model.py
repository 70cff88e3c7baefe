"""A captioner's model folder: config.json, weights and graphs on disk -> a `Captioner`."""

from pathlib import Path
from typing import TYPE_CHECKING

from encoders.images import Preprocessing
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_CAPTIONER, resolve_model
from runtime.checkpoint import building_from_config, read_config
from runtime.onnx_graphs import load_engine

from .predictor import Captioner

if TYPE_CHECKING:
    import torch

    from .engine import Engine

BUNDLED = BUNDLED_CAPTIONER


def load(
    model: str | Path = BUNDLED,
    *,
    engine: str | None = None,
    device: "torch.device | None" = None,
    exact: bool = False,
) -> Captioner:
    """A captioner from its folder, or the bundled one, ready for use.

    Args:
        engine: `onnx` (ONNX Runtime, on the CPU), `onnx-int8` (the same in 8 bits: faster, what it says may differ) or
            `torch` (PyTorch, on the best device); unless given, `onnx` where the folder has graphs (`python -m training
            export`), else `torch`.
        device: PyTorch's; asks for PyTorch.
        exact: keep the weights as they were trained, to train or save them; asks for PyTorch. Else they are made ready
            for use only: see `encoders.inference.prepare_for_inference`.

    Raises:
        ModelError: the folder is missing, damaged, or holds something else. SettingError: there is no such engine, or
            PyTorch is needed and not installed.
    """
    folder = resolve_model(model)
    config = read_config(folder, kind="captioner")
    with building_from_config(folder):
        vocabulary = Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"])
        preprocessing, about = Preprocessing(**config["preprocessing"]), config["about"]

    def onnx(int8: bool) -> "Engine":
        from .onnx_engine import OnnxEngine

        return OnnxEngine(folder, config, int8=int8)

    def torch() -> "Engine":
        from .torch_engine import load_network

        return load_network(folder, config, device=device, exact=exact)

    made = load_engine(engine, folder, config, onnx=onnx, torch=torch, only_torch=exact or device is not None)
    with building_from_config(folder):
        return Captioner(made, vocabulary, preprocessing, about=about, folder=folder)
