"""What a run is doing, as `status.json` in its folder: whoever watches it reads that, and nothing that it printed.

No PyTorch is imported here: the page watches runs, and does not train.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from runtime.atomic import write_json

STATUS = "status.json"
ENDED = ("stopped", "done", "failed")


@dataclass(frozen=True)
class RunError:
    """Why a run failed: `code` as `GlimpseError` has it, or the name of another exception; and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Status:
    """What a run is doing, and which process does it.

    Attributes:
        state: `starting` until the first step; `stopped` and `failed` runs can be resumed.
        pid, process_started: of the process; see `runtime.process`.
        step: the last `Step`, as a dict; None before the first.
        error: why it failed; None unless it did.
        updated: when this was written, in seconds since 1970.
    """

    state: Literal["starting", "running", "stopped", "done", "failed"]
    pid: int
    process_started: float | None
    step: dict | None = None
    error: RunError | None = None
    updated: float = 0.0


def read_status(folder: Path) -> Status | None:
    """The status of the run in this folder; None where it has none, or one that cannot be read."""
    try:
        found = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        return Status(**found | {"error": found["error"] and RunError(**found["error"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_status(folder: Path, status: Status) -> None:
    """Write it, with the time. Raises WriteError."""
    write_json(folder / STATUS, asdict(replace(status, updated=time.time())))
