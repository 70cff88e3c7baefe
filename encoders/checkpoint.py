"""A model folder on disk: `config.json` beside `model.safetensors`. Knows dicts and tensors, no model class.

Nothing is ever unpickled. A folder is written under a temporary name and then renamed, so that a crash leaves
either the old model or the new one.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import ModelError, shown

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_folder(folder, *, kind: str, config: dict, tensors: dict[str, Tensor], dtype=None) -> Path:
    """Write a model folder, replacing the one that is there.

    Args:
        kind: `encoder`, `captioner` or `vqa`; checked again at loading.
        config: everything but the weights, as plain JSON.
        tensors: the weights by name. `dtype` (say, torch.float16) converts the floating ones.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    ready = {
        name: t.detach().cpu().to(dtype if dtype and t.is_floating_point() else t.dtype).contiguous()
        for name, t in tensors.items()
    }
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        save_file(ready, temporary / WEIGHTS)
        text = json.dumps({"format": FORMAT, "kind": kind, **config}, indent=1, ensure_ascii=False)
        (temporary / CONFIG).write_text(text + "\n", encoding="utf-8")
        temporary.chmod(0o755)
        replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def replace_folder(new: Path, old: Path) -> None:
    """Put the folder `new` where `old` is. A folder cannot be renamed over a full one, so the old steps aside first."""
    aside = old.with_name(f".{old.name}-old-{os.getpid()}")
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)


def read_config(folder, *, kind: str | None = None) -> dict:
    """The `config.json` of a model folder, checked for format and kind.

    Raises:
        ModelError: no such folder, not a model folder, a newer format, or another kind of model.
    """
    path = model_folder(folder) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError) as error:
        raise ModelError(f"{shown(path)} cannot be read ({error}); copy the model folder again.") from None
    if config.get("format") != FORMAT:
        raise ModelError(
            f"{shown(path)} has format {config.get('format')!r}, this version reads {FORMAT}; update glimpse."
        )
    if kind and config.get("kind") != kind:
        raise ModelError(f"{shown(folder)} holds a model of kind {config.get('kind')!r}, where a {kind} is needed.")
    return config


def model_folder(folder) -> Path:
    """The folder itself, or the best model in it when it is what a training run wrote.

    Raises:
        ModelError: neither is there.
    """
    folder = Path(folder)
    for candidate in (folder, folder / "best", folder / "last"):
        if (candidate / CONFIG).is_file():
            return candidate
    problem = "is not a model folder" if folder.is_dir() else "does not exist"
    raise ModelError(f"{shown(folder)} {problem}; give a folder with {CONFIG} and {WEIGHTS} in it.")


def read_tensors(path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file, by name.

    Raises:
        ModelError: missing, damaged, or another kind of file. Pickles are refused unread.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{shown(path)} is missing, cut short, or not a safetensors file ({error}); copy the model again. "
            "Pickled weights are never opened."
        ) from None


def load_weights(folder, module: nn.Module) -> None:
    """Fill a module with a folder's weights, converted to the module's own types.

    Raises:
        ModelError: an unreadable file, or a tensor missing, left over or of another shape, each by name.
    """
    path = model_folder(folder) / WEIGHTS
    fill(module, read_tensors(path), shown(path))


def fill(module: nn.Module, found: dict[str, Tensor], source: str) -> None:
    """Give a module these weights, converted to its own types; `source` is what an error calls them.

    Raises:
        ModelError: a tensor missing, left over or of another shape, by name.
    """
    wanted = module.state_dict()
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found or name not in wanted:
            where = "missing from" if name in wanted else "unknown to this model but in"
            raise ModelError(f"the tensor {name} is {where} {source}; its config.json belongs to another model.")
        if found[name].shape != wanted[name].shape:
            raise ModelError(
                f"the tensor {name} in {source} has shape {tuple(found[name].shape)}, "
                f"config.json asks for {tuple(wanted[name].shape)}; the two files do not belong together."
            )
    # `assign` also fills modules that were built on the meta device, without memory of their own.
    module.load_state_dict({name: t.to(wanted[name].dtype) for name, t in found.items()}, assign=True)


def fingerprint(module: nn.Module, *extra) -> str:
    """A short name for a module's exact weights (and whatever else decides its output), the same on every machine."""
    digest = hashlib.sha256(json.dumps(extra, sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
