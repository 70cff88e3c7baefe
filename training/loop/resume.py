"""The saved state of a run: the weights, the optimiser's state and a few numbers in `resume.pt`.

It is written aside and renamed, so that a kill at any moment, or a full disk, leaves the one before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from runtime.atomic import atomic_write
from runtime.errors import GlimpseError, ModelError, SettingError, WriteError, printable

from .ema import EmaWeights
from .fingerprint import differences


@dataclass(frozen=True)
class RunState:
    """The state of a run without its tensors.

    Attributes:
        step: steps done, of the whole run.
        best: the best score so far; stale: epochs since it.
        alarmed: the alarms that are on, by name, so that each is told once.
        logged: bytes of each log file that belong to the steps done.
        settings: the fingerprint of what the run began with and has to go on with: settings, words, answers, data.
    """

    step: int = 0
    best: float | None = None
    stale: int = 0
    alarmed: list[str] = field(default_factory=list)
    logged: dict[str, int] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)


def save_state(path: Path, model: nn.Module, optimiser, ema: EmaWeights, state: RunState) -> None:
    """Write `resume.pt`.

    Raises:
        WriteError: the disk is full. The file before is still whole.
    """
    parts = {"model": model, "optimiser": optimiser, "ema": ema}
    saved = {name: part.state_dict() for name, part in parts.items()} | {"state": asdict(state)}
    with atomic_write(path) as file:
        try:
            torch.save(saved, file)
        except RuntimeError as error:  # torch's own writer, after the file's OSError
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def load_state(path: Path, model: nn.Module, optimiser, ema: EmaWeights, settings: dict) -> RunState:
    """Give the model, the optimiser and the average of the weights what was saved.

    Args:
        settings: the fingerprint; it must be that of the run's beginning.

    Raises:
        SettingError: nothing to resume, it is damaged, or the fingerprint differs.
    """
    if not path.is_file():
        raise SettingError(f"there is no run to resume in {path.parent}; leave out --resume to start one.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state = RunState(**saved["state"])
    except Exception as error:  # a damaged file can fail in any way
        raise SettingError(
            f"{printable(path)} is damaged ({type(error).__name__}); leave out --resume to start again, from "
            f"--start-from {printable(path.parent)} if it has a model already."
        ) from None
    other = differences(state.settings, settings)
    if other:
        raise SettingError(f"this run began with something else: {', '.join(other)}; resume it with the same.")
    try:
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        ema.load_state_dict(saved.get("ema", {}))  # an older version had none, and no such setting
    except (RuntimeError, ValueError, KeyError):  # other names or shapes: another model or vocabulary
        raise SettingError(
            f"{printable(path)} is of another model than these options and this data make; resume with the same ones."
        ) from None
    return state


@contextmanager
def disk_full_as_error(out: Path) -> Iterator[None]:
    """A full disk, or one that cannot be written, as one sentence.

    Raises:
        GlimpseError: what happened, and that nothing saved before is lost.
    """
    try:
        yield
    except (OSError, WriteError, ModelError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if cause is None:  # not the disk's fault
            raise
        reason = getattr(cause, "strerror", None) or cause
        raise GlimpseError(
            f"the run stopped because {printable(out)} cannot be written ({reason}); "
            "what it had saved is whole: make room and go on with --resume."
        ) from None
