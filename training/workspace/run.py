"""One training run, read from its folder: what it is doing, how far it is, and the model it has made.

`run.json` has the command and its process, `output.txt` what the command said to people. The rest is what every run
writes: `status.json`, the records of `log.jsonl` and `steps.jsonl`, the models `best/` and `last/`, and `resume.pt`.
"""

import json
import os
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from runtime.checkpoint import CONFIG, read_config
from runtime.errors import DataError, ModelError, SettingError, printable
from runtime.process import is_running
from training.loop.status import ENDED, read_status

RUN, OUTPUT = "run.json", "output.txt"
LAUNCH_TIMEOUT = 60  # seconds in which a process that was just started has said that it is there
POINTS = 400  # of a curve


@dataclass(frozen=True)
class Progress:
    """How far a run is. All is empty or 0 until its first step.

    Attributes:
        epoch, epochs, step, steps: where it is; steps are those of an epoch.
        left: seconds to the end; None where nothing tells.
        losses: `{"step", "loss"}`, of the whole run, thinned to a few hundred.
        scores: `{"epoch", "score", "cider" or "accuracy", ...}` of the held-out photos after each epoch.
        samples: of each epoch, what the model said of the same few photos: `{"image", "caption"}` or
            `{"image", "question", "answer"}`.
        alarms: sentences on what looks wrong with the data or the model.
        last_line: the last line that the command wrote.
    """

    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    left: float | None = None
    losses: list[dict] = field(default_factory=list)
    scores: list[dict] = field(default_factory=list)
    samples: list[list[dict]] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    last_line: str = ""


@dataclass(frozen=True)
class Run:
    """One run; everything is read from its folder when it is asked for."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def about(self) -> dict:
        """`{"kind", "data", "start_from", "settings", "command", "began", "launched", "pid", "process_started",
        "stop_asked"}`; `pid` is None while the process is being started."""
        try:
            return json.loads((self.folder / RUN).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{printable(self.folder / RUN)} cannot be read ({error}); delete that run.") from None

    @property
    def state(self) -> str:
        """`running`, `stopped` (it can be resumed), `done` or `failed` (`error` says why)."""
        about, status = self.about, read_status(self.folder)
        if self.process:
            return "running"
        if about["pid"] is None and time.time() - (about.get("launched") or 0) < LAUNCH_TIMEOUT:
            return "running"  # the server ended while it started the run, which has not reported yet
        if status and status.state in ENDED:
            return status.state
        if not status and self._is_finished():
            return "done"
        return "stopped" if about["stop_asked"] or (self.folder / "resume.pt").is_file() else "failed"

    @property
    def process(self) -> int | None:
        """The number of its process; None where there is none (any more).

        The run and the server that began it both write it down: either may have been killed before it did.
        """
        about, status = self.about, read_status(self.folder)
        if is_running(about["pid"], about.get("process_started")):
            return about["pid"]
        return status.pid if status and is_running(status.pid, status.process_started) else None

    @property
    def error(self) -> str | None:
        """Why it failed, in a sentence; None where it did not."""
        if self.state != "failed":
            return None
        status, last_line = read_status(self.folder), self._last_line()
        if status and status.error:
            return status.error.sentence
        why = last_line or "without a word"
        return f"the run ended before its time ({why}); {self.name}/{OUTPUT} has the whole story."

    def _is_finished(self) -> bool:
        """Whether a run that wrote no status, as those of Glimpse 0.2 and before, came to its end: it was scored."""
        return bool(self.scores()["after"])

    def progress(self) -> Progress:
        """How far it is."""
        steps, log = _records(self.folder / "steps.jsonl"), _records(self.folder / "log.jsonl", most=None)
        epochs = [record for record in log if "scores" in record]
        status = read_status(self.folder)
        last = (status and status.step) or (steps[-1] if steps else {})
        losses = {(s["epoch"] - 1) * s["steps"] + s["step"]: s["loss"] for s in steps}  # a resumed run repeats some
        scores = {e["epoch"]: e for e in epochs}
        return Progress(
            epoch=last.get("epoch", 0),
            epochs=epochs[-1]["epochs"] if epochs else self.about["settings"].get("epochs", 0),
            step=last.get("step", 0),
            steps=last.get("steps", 0),
            left=last.get("left"),
            losses=[{"step": step, "loss": losses[step]} for step in sorted(losses)],
            scores=[{"epoch": n, **_numbers(scores[n]["scores"])} for n in sorted(scores)],
            samples=[scores[n]["samples"] for n in sorted(scores) if scores[n].get("samples")],
            alarms=list(dict.fromkeys(record["sentence"] for record in log if "sentence" in record)),
            last_line=self._last_line(),
        )

    def scores(self) -> dict[str, dict | None]:
        """`{"before", "after"}`: scores on the held-out split of the model that the run began with and of its best."""
        try:
            about = read_config(self.folder)["about"]
        except ModelError:
            about = {}
        return {"before": about.get("before"), "after": about.get("after")}

    @property
    def model(self) -> Path | None:
        """The folder of its best model; None until there is one."""
        return next((f for f in (self.folder / "best", self.folder / "last") if (f / CONFIG).is_file()), None)

    def zip(self, folder: str | Path) -> Path:
        """Its best model as one file in this folder.

        Raises:
            SettingError: there is no model yet.
        """
        model = self.model
        if model is None:
            raise SettingError(f"{self.name} has no model yet; wait for its first epoch.")
        target = Path(folder, f"{self.name}.zip")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # weights hardly shrink
            for file in sorted(model.iterdir()):
                archive.write(file, f"{self.name}/{file.name}")
        return target

    def _last_line(self) -> str:
        """The last line of the command's output, for people."""
        try:
            with (self.folder / OUTPUT).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return printable(lines[-1].strip()) if lines else ""


def _numbers(scores: dict) -> dict[str, float]:
    return {name: value for name, value in scores.items() if isinstance(value, (int, float))}


def _records(file: Path, most: int | None = POINTS) -> list[dict]:
    """The records of a JSON lines file, thinned to about `most`; the last whole one is always there."""
    try:
        lines = [line for line in file.read_bytes().split(b"\n")[:-1] if line]
    except OSError:
        return []
    every = max(1, len(lines) // most) if most else 1
    return [json.loads(line) for line in [*lines[:-1:every], *lines[-1:]]]
