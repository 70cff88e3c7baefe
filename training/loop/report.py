"""A run keeps `status.json` in its folder while it lasts: where it is, and how it ended."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from filelock import FileLock, Timeout

from runtime.errors import GlimpseError, SettingError, WriteError, printable
from runtime.process import start_time

from .distributed import is_main_process
from .status import RunError, Status, read_status, write_status
from .task import Record, Step

MAX_LENGTH = 300  # characters of another exception's text


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
    """Update fields of the status. A full disk is ignored here: the run itself reports it."""
    status = read_status(out)
    if status:
        with suppress(WriteError):
            write_status(out, replace(status, **changes))


def _error(error: BaseException) -> RunError:
    if isinstance(error, GlimpseError):
        return RunError(error.code, str(error))
    name, text = type(error).__name__, printable(" ".join(str(error).split()))[:MAX_LENGTH]
    return RunError(name, f"the run ended with {name} ({text or 'no more is known'}); its output has the whole story.")
