"""The encoder that a model folder does not store, because the bundled captioner has it already.

A photo is then encoded once for both, and its weights are shipped once. The captioner's folder is found by its path:
nothing of the captioner is imported.
"""

import importlib.util
from pathlib import Path

from torch import Tensor

from runtime.checkpoint import WEIGHTS, read_config, read_tensors
from runtime.errors import ModelError

SHARED = "bundled-captioner"


def shared_folder(name: str) -> Path:
    """The folder of the model of that name, in the installed project.

    Raises:
        ModelError: there is no model of that name to share an encoder with.
    """
    found = importlib.util.find_spec("captioner") if name == SHARED else None
    if found is None or found.origin is None:
        raise ModelError(f"this model uses the encoder of {name!r}, which is not installed; install glimpse again.")
    return Path(found.origin).parent / "bundled"


def shared_config(name: str) -> dict:
    """What rebuilds the shared encoder, as `ImageEncoder(**config)`."""
    return read_config(shared_folder(name), kind="captioner")["encoder"]


def shared_tensors(name: str) -> dict[str, Tensor]:
    """Its weights, as `ImageEncoder.state_dict` names them."""
    tensors = read_tensors(shared_folder(name) / WEIGHTS)
    return {key.removeprefix("encoder."): tensor for key, tensor in tensors.items() if key.startswith("encoder.")}
