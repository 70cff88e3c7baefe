"""Training runs that go on by themselves: each a process of its own and a folder on disk, and nothing else.

What a run is doing is read from its folder (`run.py`), so a page that is reloaded and a server that is restarted find
it again. Several servers may share a workspace: they take turns to start, resume and stop.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from runtime.atomic import write_json
from runtime.errors import DataError, SettingError, WriteError, printable
from runtime.process import start_time
from training.config.commands import CaptionerConfig, VqaConfig
from training.loop.status import STATUS

from .run import OUTPUT, RUN, Run

CONFIGS = {"captioner": CaptionerConfig, "vqa": VqaConfig}
NICENESS = 10  # captions of the same machine go first
STOP_TIMEOUT = 20  # seconds until a run that was asked to stop, and is asked again, is killed


class Runs:
    """The runs of a workspace, one at a time.

    Args:
        workspace: a folder; runs live in its `runs`, and what they compute of photos in its `cache`.
    """

    def __init__(self, workspace: str | Path):
        self.folder, self.cache = (Path(workspace).resolve() / name for name in ("runs", "cache"))
        self._lock = FileLock(self.folder / ".lock")  # of threads and processes
        self._children: dict[int, subprocess.Popen] = {}  # of this server, to be waited for when they end

    def list(self) -> list[Run]:
        """All of them, the latest first."""
        self._reap()
        began = {}
        for file in self.folder.glob(f"*/{RUN}"):
            with contextlib.suppress(DataError):  # a damaged one must not hide the others
                began[Run(file.parent)] = Run(file.parent).about["began"]
        return sorted(began, key=began.get, reverse=True)

    def get(self, name: str | None) -> Run:
        """The run of that name. Raises SettingError where there is none."""
        self._reap()
        known = name and re.fullmatch(r"[a-z]+-\d+", name) and (self.folder / name / RUN).is_file()
        if not known:
            raise SettingError(f"there is no run {printable(name or '')!r}; choose one of the list.")
        return Run(self.folder / name)

    def start(self, kind: str, data: str | Path, *, start_from: str | Path | None = None, **settings) -> Run:
        """Begin a run.

        Args:
            kind: `captioner` or `vqa`.
            data: the data set.
            start_from: a model's folder or bundled name; None begins with a new model.
            settings: further options of `python -m training KIND` by name: `epochs=5`, `finetune_encoder=True`.

        Raises:
            SettingError: another run is going on, there is no such kind, or an option cannot be.
            WriteError: the run cannot be recorded; then it is not begun.
        """
        if kind not in CONFIGS:
            raise SettingError(f"there is no kind of run {kind!r}; choose one of {', '.join(CONFIGS)}.")
        options = {"data": Path(data).resolve(), "start_from": start_from, "cache": self.cache, **settings}
        options = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
        words = _options(kind, options)
        with self._exclusive():
            self._require_idle()
            folder = self._new_folder(kind)
            command = ["-m", "training", kind, *words, "--out", str(folder)]
            about = {"kind": kind, "data": options["data"], "start_from": options["start_from"],
                     "settings": {name: options[name] for name in settings}, "command": command,
                     "began": time.time()}  # fmt: skip
            try:
                return self._launch(Run(folder), about, command)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    def resume(self, name: str) -> Run:
        """Go on with a run that was stopped or failed. Raises as `start` does."""
        with self._exclusive():
            self._require_idle()
            run = self.get(name)
            saved = (run.folder / "resume.pt").is_file()  # else it was stopped before its first step: begin again
            return self._launch(run, run.about, [*run.about["command"], *(["--resume"] if saved else [])])

    def stop(self, name: str) -> None:
        """Ask a run to save its state and end. Asked again after a while, it is killed; little is lost then too."""
        with self._exclusive():
            run = self.get(name)
            about, process = run.about, run.process
            if process is None:
                return
            with contextlib.suppress(ProcessLookupError):
                if not about["stop_asked"]:
                    with contextlib.suppress(WriteError):  # on a full disk it is to stop all the more
                        write_json(run.folder / RUN, about | {"stop_asked": time.time()})
                    os.kill(process, signal.SIGTERM)
                elif time.time() - about["stop_asked"] > STOP_TIMEOUT:
                    os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows has the one

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the workspace's lock: no other thread or process starts, resumes or stops a run.

        Raises:
            WriteError: the workspace cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                yield
        except OSError as error:
            raise WriteError(
                f"{printable(self.folder)} cannot be written, or no process be started ({error.strerror or error}); "
                "make room, or start the page with another --workspace."
            ) from error

    def _require_idle(self) -> None:
        running = next((run for run in self.list() if run.state == "running"), None)
        if running:
            raise SettingError(f"{running.name} is being trained; stop it, or wait until it is done.")

    def _new_folder(self, kind: str) -> Path:
        numbers = [int(folder.name.rpartition("-")[2]) for folder in self.folder.glob("*-[0-9]*")]
        folder = self.folder / f"{kind}-{max(numbers, default=0) + 1}"
        folder.mkdir(parents=True)
        return folder

    def _launch(self, run: Run, about: dict, command: Sequence[str]) -> Run:
        """Start the process. It is recorded before and after: a server killed between finds the run by its status.

        A run that cannot be recorded is ended.
        """
        (run.folder / STATUS).unlink(missing_ok=True)  # of the process before
        before = about | {"pid": None, "process_started": None, "stop_asked": None}
        write_json(run.folder / RUN, before | {"launched": time.time()})
        child = None
        try:
            child = self._spawn(run, command)
            write_json(run.folder / RUN, before | {"pid": child.pid, "process_started": start_time(child.pid)})
        except BaseException:
            if child:
                child.kill()
                child.wait()
            with contextlib.suppress(WriteError):
                write_json(run.folder / RUN, before)
            raise
        self._children[child.pid] = child
        return run

    @staticmethod
    def _spawn(run: Run, command: Sequence[str]) -> subprocess.Popen:
        with (run.folder / OUTPUT).open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=Path(__file__).parents[2], start_new_session=True,
            )  # fmt: skip
        with contextlib.suppress(AttributeError, OSError):  # AttributeError: not on Windows
            os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
        return child

    def _reap(self) -> None:
        """Let go of children that ended, which would else stay in the table of processes."""
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[pid]


def _options(kind: str, options: dict) -> list[str]:
    """`{"clip": 1.0, "finetune_encoder": True, "format": None}` -> `--finetune-encoder --clip 1.0`.

    Raises:
        SettingError: there is no such option, or one cannot be.
    """
    return CONFIGS[kind].of(out=".", **options).arguments(without=("out",))
