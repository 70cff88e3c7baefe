"""A check's report and a training run for people, as HTML: the page shows it, and every text in it is escaped."""

import base64
import io
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from encoders.images import open_photo
from runtime.errors import PhotoError
from training.checks.report import Report
from training.checks.show import duration, facts

from .run import Progress, Run

THUMBNAIL = 96  # pixels
UNFINISHED = ("running", "stopped")  # states in which it may go further
EPOCHS_SHOWN = 4  # of what the model said of a photo


def _html(macro: str, *values) -> str:
    """A macro of `report.html`, filled in."""
    return str(getattr(_report(), macro)(*values))


@lru_cache(maxsize=1)
def _report():
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").module


def check_html(report: Report) -> str:
    """What a check found, and whether training can begin."""
    return _html("check", {"Format": report.format, **facts(report)}, report.stops)


def error_html(sentence: str) -> str:
    """An error's sentence."""
    return _html("error", sentence)


def status_html(run: Run, progress: Progress) -> str:
    """How a run is doing: a sentence, a bar, and what looks wrong."""
    state, steps = run.state, progress.epochs * progress.steps
    percent = 100 * ((progress.epoch - 1) * progress.steps + progress.step) / steps if steps else 0.0
    notes = [*filter(None, [run.error]), *progress.alarms]
    data = Path(run.about["data"]).name
    return _html(
        "status", run.name, data, _state_text(state, progress), percent if state in UNFINISHED else None, notes
    )


def _state_text(state: str, progress: Progress) -> str:
    if state == "running" and progress.step:
        place = f"epoch {progress.epoch:,} of {progress.epochs:,}, step {progress.step:,} of {progress.steps:,}"
        return f"is training: {place}, {duration(progress.left)} left" if progress.left else "is being scored"
    where = f"after epoch {progress.epoch:,} of {progress.epochs:,}" if progress.epoch else "before its first epoch"
    return {
        "running": "is getting ready",
        "stopped": f"was stopped {where}",
        "done": f"is done {where}",
        "failed": f"failed {where}",
    }[state]


def samples_html(progress: Progress) -> str:
    """The model's captions or answers for the same few photos after several epochs."""
    if not progress.samples:
        return ""
    last = len(progress.samples) - 1
    epochs = sorted({round(n * last / (EPOCHS_SHOWN - 1)) for n in range(EPOCHS_SHOWN)})
    photos = [
        {
            "jpeg": thumbnail(sample["image"]),
            "question": sample.get("question"),
            "said": {epoch + 1: _text(progress.samples[epoch][photo]) for epoch in epochs},
        }
        for photo, sample in enumerate(progress.samples[-1])
    ]
    return _html("samples", photos)


def _text(sample: dict) -> str:
    return sample.get("caption", sample.get("answer", ""))


@lru_cache(maxsize=64)
def thumbnail(path: str) -> str:
    """A small photo as a JPEG in base64; nothing where it is there no more."""
    try:
        photo = open_photo(path, min_side=THUMBNAIL)
    except PhotoError:
        return ""
    photo.thumbnail((THUMBNAIL, THUMBNAIL))
    photo.save(jpeg := io.BytesIO(), format="JPEG", quality=80)
    return base64.b64encode(jpeg.getvalue()).decode()


def scores_html(run: Run) -> str:
    """Scores of the model that the run began with and of the new one, on the same photos."""
    scores = run.scores()
    before, after = scores["before"] or {}, scores["after"]
    if not after:
        return ""
    counted = "images" if "images" in after else "questions"
    rows = [
        (name.replace("_", " "), _score(before.get(name)), _score(value))
        for name, value in after.items()
        if isinstance(value, (int, float)) and name != counted
    ]
    what = f"{after[counted]:,} {'photos' if counted == 'images' else counted} of the {after['split']} split"
    return _html("scores", what, rows)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
