"""A check's report and a training run for people, as HTML: the page shows it, and every text in it is escaped."""

import base64
import io
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from encoders.images import open_photo
from runtime.errors import PhotoError
from training.checks.check import Report
from training.checks.show import clock, facts

from .run import Progress, Run

THUMBNAIL = 96  # pixels
MOVING = ("running", "stopped")  # states in which it may go further
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


def wrong_html(sentence: str) -> str:
    """A sentence on what is wrong."""
    return _html("wrong", sentence)


def standing_html(run: Run, now: Progress) -> str:
    """How a run is doing: a sentence, a bar, and what looks wrong."""
    state, steps = run.state, now.epochs * now.steps
    percent = 100 * ((now.epoch - 1) * now.steps + now.step) / steps if steps else 0.0
    notes = [*filter(None, [run.error]), *now.alarms]
    data = Path(run.about["data"]).name
    return _html("standing", run.name, data, _doing(state, now), percent if state in MOVING else None, notes)


def _doing(state: str, now: Progress) -> str:
    if state == "running" and now.step:
        place = f"epoch {now.epoch:,} of {now.epochs:,}, step {now.step:,} of {now.steps:,}"
        return f"is training: {place}, {clock(now.left)} left" if now.left else "is being scored"
    where = f"after epoch {now.epoch:,} of {now.epochs:,}" if now.epoch else "before its first epoch"
    return {
        "running": "is getting ready",
        "stopped": f"was stopped {where}",
        "done": f"is done {where}",
        "failed": f"failed {where}",
    }[state]


def learnt_html(now: Progress) -> str:
    """What the model said of the same few photos as it learnt."""
    if not now.samples:
        return ""
    last = len(now.samples) - 1
    epochs = sorted({round(n * last / (EPOCHS_SHOWN - 1)) for n in range(EPOCHS_SHOWN)})
    photos = [
        {
            "jpeg": thumbnail(sample["image"]),
            "question": sample.get("question"),
            "said": {epoch + 1: _text(now.samples[epoch][photo]) for epoch in epochs},
        }
        for photo, sample in enumerate(now.samples[-1])
    ]
    return _html("learnt", photos)


def _text(sample: dict) -> str:
    return sample.get("caption", sample.get("answer", ""))


@lru_cache(maxsize=64)
def thumbnail(path: str) -> str:
    """A small photo as a JPEG in base64; nothing where it is there no more."""
    try:
        photo = open_photo(path, smallest=THUMBNAIL)
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
