"""A run's records on disk: `log.jsonl` (epochs, alarms) and `steps.jsonl` for programs, TensorBoard's for people."""

import contextlib
import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

FILES = ("log.jsonl", "steps.jsonl")


class RunLog:
    """Appends records to the files of a run's folder.

    Args:
        sizes: how many bytes of each file belong to the steps that are kept when a run goes on: what a killed run
            wrote after its last save comes again, and is cut off. None starts anew.
        step: the steps that are kept.
    """

    def __init__(self, out: Path, *, sizes: dict[str, int] | None = None, step: int = 0):
        from torch.utils.tensorboard import SummaryWriter

        self.out = out
        for name in FILES:
            path = out / name
            if sizes is None:
                path.unlink(missing_ok=True)
            elif path.exists():
                os.truncate(path, min(path.stat().st_size, sizes.get(name, path.stat().st_size)))
        self._hook, threading.excepthook = threading.excepthook, self._unless_told
        self.board = SummaryWriter(out / "tensorboard", purge_step=None if sizes is None else step + 1)

    def sizes(self) -> dict[str, int]:
        """Bytes of each file so far."""
        return {name: (self.out / name).stat().st_size for name in FILES if (self.out / name).exists()}

    def scalar(self, name: str, value: float | None, step: int) -> None:
        """A point of a TensorBoard curve, after so many steps."""
        if value is not None:
            self.board.add_scalar(name, value, step)

    def append(self, name: str, record: Any) -> None:
        """A line of one of the `FILES`."""
        with (self.out / name).open("a") as file:
            file.write(json.dumps(asdict(record)) + "\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk, of which the run has told
            self.board.close()
        threading.excepthook = self._hook

    def _unless_told(self, failed: threading.ExceptHookArgs) -> None:
        """The thread in which TensorBoard writes shows what ends it; `scalar` then raises the same."""
        if not (issubclass(failed.exc_type, OSError) and type(failed.thread).__module__.startswith("tensorboard.")):
            self._hook(failed)
