"""What a run is doing, as `status.json` in its folder: whoever watches it reads that, and nothing that it printed."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from runtime.atomic import write_json
from runtime.errors import GlimpseError, SettingError, WriteError, printable
from runtime.process import start_time

from .distributed import is_main_process
from .task import Record, Step

STATUS = "status.json"
MAX_LENGTH = 300  # characters of another exception's text
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


@contextmanager
def report_status(out: Path) -> Iterator[None]:
    """Keep `status.json` in a run's folder while the block lasts: starting, and how it ended.

    The folder is made, and belongs to this run alone meanwhile. Of torchrun's processes, the first one does all this.

    Raises:
        SettingError: another process trains in this folder.
        WriteError: the folder cannot be written.
    """
    if not is_main_process():
        yield
        return
    with _locked(out):
        write_status(out, Status("starting", os.getpid(), start_time()))
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            _change(out, state="stopped")
            raise
        except BaseException as error:
            _change(out, state="failed", error=_error(error))
            raise
        _change(out, state="done")


def report_progress(records: Iterable[Record], out: Path) -> Iterator[Record]:
    """The same records; the status of the run in this folder is kept up to date with them."""
    for record in records:
        if is_main_process() and isinstance(record, Step):
            _change(out, state="running", step=asdict(record))
        yield record


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise SettingError(
            f"another run is training in {printable(out)}; stop it, wait for its end, or give another --out."
        ) from None
    except OSError as error:
        raise WriteError(
            f"{printable(out)} cannot be written ({error.strerror or error}); give another folder as --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _change(out: Path, **changes) -> None:
    """Where the disk is full, the status stays as it was: the run itself says so, if it must end."""
    status = read_status(out)
    if status:
        with suppress(WriteError):
            write_status(out, replace(status, **changes))


def _error(error: BaseException) -> RunError:
    if isinstance(error, GlimpseError):
        return RunError(error.code, str(error))
    name, text = type(error).__name__, printable(" ".join(str(error).split()))[:MAX_LENGTH]
    return RunError(name, f"the run ended with {name} ({text or 'no more is known'}); its output has the whole story.")
