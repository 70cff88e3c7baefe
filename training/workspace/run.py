"""One training run as its folder tells of it: what it is doing, how far it is, and the model it has made.

`run.json` has the command and its process, `output.txt` what the command said. The rest is what every run writes: the
records of `log.jsonl` and `steps.jsonl`, the models `best/` and `last/`, and `resume.pt`.
"""

import json
import os
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from runtime.checkpoint import CONFIG, read_config
from runtime.errors import DataError, ModelError, SettingError, shown

from .process import is_alive

RUN, OUTPUT = "run.json", "output.txt"
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
        said: the last line that the command wrote.
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
    said: str = ""


@dataclass(frozen=True)
class Run:
    """One run; everything is read from its folder when it is asked for."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def about(self) -> dict:
        """`{"kind", "data", "start_from", "settings", "command", "pid", "process", "began", "stop_asked"}`."""
        try:
            return json.loads((self.folder / RUN).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{shown(self.folder / RUN)} cannot be read ({error}); delete that run.") from None

    @property
    def state(self) -> str:
        """`running`, `stopped` (it can be resumed), `done` or `failed` (`error` says why)."""
        about = self.about
        if is_alive(about["pid"], about["process"]):
            return "running"
        said = self._last_lines()
        if any(line.startswith("done: ") for line in said):
            return "done"
        can_go_on = about["stop_asked"] or (self.folder / "resume.pt").is_file()
        return "stopped" if can_go_on and not _is_error(said[-1]) else "failed"

    @property
    def error(self) -> str | None:
        """Why it failed, in a sentence; None where it did not."""
        if self.state != "failed":
            return None
        said = self._last_lines()[-1]
        if said.startswith("error: "):
            return said.removeprefix("error: ")
        return f"the run ended before its time ({said or 'without a word'}); {self.name}/{OUTPUT} has the whole story."

    def progress(self) -> Progress:
        """How far it is."""
        steps, log = _records(self.folder / "steps.jsonl"), _records(self.folder / "log.jsonl", most=None)
        epochs = [record for record in log if "scores" in record]
        last = steps[-1] if steps else {}
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
            said=self._last_lines()[-1],
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

    def _last_lines(self) -> list[str]:
        """The end of the command's output; at least one line."""
        try:
            with (self.folder / OUTPUT).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
        except OSError:
            lines = []
        return [shown(line) for line in lines if line] or [""]


def _is_error(said: str) -> bool:
    """Whether the last line of the output is an error's: ours in a sentence, or Python's own."""
    return bool(re.match(r"error: |[A-Za-z_.]*(Error|Exception)\b", said))


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
