"""A model folder on disk: `config.json` beside `model.safetensors`. Knows dicts and tensors, no model class.

PyTorch is imported only where tensors are read or written, and nothing is ever unpickled. A folder is written under a
temporary name and then renamed: whatever goes wrong, the old model or the new one is there (a kill between the two
renames leaves both in a hidden folder beside it).
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from safetensors import SafetensorError

from .atomic import sync, write_json
from .errors import ModelError, SettingError, WriteError, printable

if TYPE_CHECKING:
    from torch import Tensor, nn

    Module = TypeVar("Module", bound=nn.Module)

FORMAT = 1
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_folder(folder, *, kind: str, config: dict, tensors: "dict[str, Tensor]", dtype=None) -> Path:
    """Write a model folder, replacing the model that is there; other files in it stay.

    Args:
        kind: `encoder`, `captioner` or `vqa`; checked again at loading.
        config: everything but the weights, as plain JSON.
        tensors: the weights by name. `dtype` (say, torch.float16) converts the floating ones.

    Raises:
        ModelError: the folder cannot be written, or is somebody's folder of other things.
    """
    from safetensors.torch import save_file

    state_dict = {
        name: t.detach().cpu().to(dtype if dtype and t.is_floating_point() else t.dtype).contiguous()
        for name, t in tensors.items()
    }
    folder = Path(folder).resolve()  # through a link, and with a name even where `.` is given
    with new_folder(folder) as new:
        write_json(new / CONFIG, {"format": FORMAT, "kind": kind, **config})
        save_file(state_dict, new / WEIGHTS)
        (new / WEIGHTS).chmod((new / CONFIG).stat().st_mode)  # safetensors lets nobody but the owner read
    return folder


@contextmanager
def new_folder(folder) -> Iterator[Path]:
    """A folder to fill, which takes the place of the model in `folder` when the block ends, and never where it raises.

    Raises:
        ModelError: the folder cannot be written, or is somebody's folder of other things.
    """
    folder = Path(folder).resolve()
    try:
        if folder.exists() and not (folder / CONFIG).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise ModelError(f"{printable(folder)} holds something else than a model; give a new folder.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as temporary:
            new = Path(temporary, "new")
            new.mkdir()
            yield new
            for file in new.iterdir():
                sync(file)
            _replace_folder(new, folder, backup=Path(temporary, "old"))
            sync(folder.parent)
    except (OSError, WriteError, SafetensorError) as error:
        error = error.__cause__ if isinstance(error, WriteError) else error
        why = getattr(error, "strerror", None) or error
        raise ModelError(f"{printable(folder)} cannot be written ({why}); make room or give another folder.") from error


def _replace_folder(new: Path, folder: Path, *, backup: Path) -> None:
    """Put `new` where `folder` is. A folder cannot be renamed over a full one, so the old one steps aside first."""
    if not folder.exists():
        new.rename(folder)
        return
    folder.rename(backup)
    try:
        new.rename(folder)
    except BaseException:
        backup.rename(folder)
        raise
    for other in backup.iterdir():
        if not (folder / other.name).exists():
            other.rename(folder / other.name)


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
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{printable(path)} cannot be read ({error}); copy the model folder again.") from None
    if "format" not in config:
        raise ModelError(f"{printable(path)} was not written by glimpse; give the folder of a model trained with it.")
    if config["format"] != FORMAT:
        raise ModelError(
            f"{printable(path)} has format {config.get('format')!r}, this version reads {FORMAT}; update glimpse."
        )
    if kind and config.get("kind") != kind:
        raise ModelError(
            f"{printable(folder)} holds a model of kind {config.get('kind')!r}; give one of kind {kind!r}."
        )
    return config


@contextmanager
def building_from_config(folder) -> Iterator[None]:
    """While a model is built from its `config.json`: whatever does not fit there is told in one sentence.

    Raises:
        ModelError: an entry is missing, or is none that a model can have.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, SettingError) else repr(error)
        raise ModelError(
            f"{printable(model_folder(folder) / CONFIG)} is incomplete or damaged ({reason}); copy the model folder "
            "again."
        ) from None


def update_config(folder, **changes) -> None:
    """Change entries of a model folder's `config.json`; the weights stay as they are.

    Raises:
        ModelError: there is no such model. WriteError: the file cannot be written, and is as it was.
    """
    write_json(model_folder(folder) / CONFIG, read_config(folder) | changes)


def model_folder(folder) -> Path:
    """The folder itself, or the best model in it when it is what a training run wrote.

    Raises:
        ModelError: neither is there.
    """
    folder = Path(folder)
    try:
        for candidate in (folder, folder / "best", folder / "last"):
            if (candidate / CONFIG).is_file():
                return candidate
        problem = "is not a model folder" if folder.exists() else "does not exist"
    except OSError as error:  # a name too long, a folder that is closed to us
        problem = f"cannot be read ({error.strerror})"
    raise ModelError(f"{printable(folder)} {problem}; give a folder with {CONFIG} and {WEIGHTS} in it.")


def read_tensors(path) -> "dict[str, Tensor]":
    """Every tensor of a safetensors file, by name.

    Raises:
        ModelError: missing, damaged, or another kind of file. Pickles are refused unread.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{printable(path)} is missing, cut short, or not a safetensors file ({error}); copy the model again "
            "(pickled weights are never opened)."
        ) from None


def without_weights(make: "Callable[[], Module]") -> "Module":
    """A module to be given a file's weights, made on PyTorch's meta device, so that no random ones are drawn first.

    What a module computes as it is made and no file holds (buffers that are not persistent, such as the table of
    places of a Swin transformer) would have no memory either: one with such buffers is made in full.
    """
    import torch

    with torch.device("meta"):
        module = make()
    return make() if {name for name, _ in module.named_buffers()} - module.state_dict().keys() else module


def load_weights(folder, module: "nn.Module") -> None:
    """Fill a module with a folder's weights, converted to the module's own types.

    Raises:
        ModelError: an unreadable file, or a tensor missing, left over or of another shape, each by name.
    """
    path = model_folder(folder) / WEIGHTS
    load_tensors(module, read_tensors(path), printable(path))


def load_tensors(module: "nn.Module", found: "dict[str, Tensor]", source: str) -> None:
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
    if any(tensor.is_meta for tensor in wanted.values()):  # built without memory of its own
        module.to_empty(device="cpu")
    module.load_state_dict(found)  # copied in place: the module keeps its types, device and memory format


def fingerprint(module: "nn.Module", *extra) -> str:
    """A short name for a module's exact weights (and whatever else decides its output), the same on every machine."""
    import torch

    digest = hashlib.sha256(json.dumps(extra, sort_keys=True, default=str).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
