"""The encoder that a model folder does not store, because the bundled captioner has it already.

A photo is then encoded once for both, and its weights are shipped once.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from runtime.bundled import BUNDLED_CAPTIONER, resolve_model
from runtime.checkpoint import WEIGHTS, read_config, read_tensors
from runtime.errors import ModelError, printable

if TYPE_CHECKING:
    from torch import Tensor


def shared_folder(name: str) -> Path:
    """The folder of the bundled model of that name.

    Raises:
        ModelError: there is no model of that name to share an encoder with.
    """
    folder = resolve_model(name)
    if name != BUNDLED_CAPTIONER or not folder.is_dir():
        raise ModelError(f"this model uses the encoder of {name!r}, which is not installed; install glimpse again.")
    return folder


def shared_config(name: str) -> dict:
    """What rebuilds the shared encoder, as `ImageEncoder(**config)`."""
    return read_config(shared_folder(name), kind="captioner")["encoder"]


def shared_tensors(name: str) -> "dict[str, Tensor]":
    """Its weights, as `ImageEncoder.state_dict` names them."""
    tensors = read_tensors(shared_folder(name) / WEIGHTS)
    return {key.removeprefix("encoder."): tensor for key, tensor in tensors.items() if key.startswith("encoder.")}


def encoder_changed_message(folder, name: str, wanted: str | None, found: str) -> str:
    """The error's sentence where a folder was trained on another encoder than the one that is there."""
    return (
        f"{printable(folder)} was trained on the encoder {wanted} of {name}, and the one here is {found}; use it with "
        "the glimpse it came with, or train it again."
    )
