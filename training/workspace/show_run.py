"""A check's report and a training run for people, as HTML: the page shows it, and every text in it is escaped."""

import base64
import io
from functools import lru_cache
from html import escape
from pathlib import Path

from encoders.images import open_photo
from runtime.errors import PhotoError
from training.checks.check import Report
from training.checks.show import clock, facts

from .run import Progress, Run

THUMBNAIL = 96  # pixels
EPOCHS_SHOWN = 4  # of what the model said of a photo


def check_html(report: Report) -> str:
    """What a check found, and whether training can begin."""
    cells = (
        f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>"
        for label, text in {"Format": report.format, **facts(report)}.items()
    )
    stops = "".join(map(wrong_html, report.stops))
    good = "<p class='right'>Nothing is in the way: training can begin.</p>"
    return f"<table class='facts'>{''.join(cells)}</table>{stops or good}"


def wrong_html(sentence: str) -> str:
    """A sentence on what is wrong."""
    return f"<p class='wrong'>{escape(sentence)}</p>"


def standing_html(run: Run, now: Progress) -> str:
    """How a run is doing: a sentence, a bar, and what looks wrong."""
    state, steps = run.state, now.epochs * now.steps
    share = 100 * ((now.epoch - 1) * now.steps + now.step) / steps if steps else 0
    bar = f"<div class='bar'><div style='width: {share:.1f}%'></div></div>" if state in ("running", "stopped") else ""
    notes = "".join(map(wrong_html, filter(None, [run.error, *now.alarms])))
    name = f"<b>{run.name}</b>, on {escape(Path(run.about['data']).name)},"
    return f"<p role='status'>{name} {_doing(state, now)}.</p>{bar}{notes}"


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
    photos = "".join(
        _photo_html(sample, {epoch + 1: now.samples[epoch][photo] for epoch in epochs})
        for photo, sample in enumerate(now.samples[-1])
    )
    return f"<h3>The same photos, epoch by epoch</h3><div class='learnt'>{photos}</div>"


def _photo_html(sample: dict, said: dict[int, dict]) -> str:
    """A photo, the question about it if any, and what was said of it after each epoch (epoch -> sample)."""
    texts = {epoch: then.get("caption", then.get("answer", "")) for epoch, then in said.items()}
    lines = "".join(
        f"<tr><th>epoch {epoch}</th><td>{escape(text) or '(nothing)'}</td></tr>" for epoch, text in texts.items()
    )
    question = f"<p>{escape(sample['question'])}</p>" if "question" in sample else ""
    return f"<div>{thumbnail_html(sample['image'])}<div>{question}<table>{lines}</table></div></div>"


@lru_cache(maxsize=64)
def thumbnail_html(path: str) -> str:
    """A small photo as part of the page; nothing where it is there no more."""
    try:
        photo = open_photo(path, smallest=THUMBNAIL)
    except PhotoError:
        return ""
    photo.thumbnail((THUMBNAIL, THUMBNAIL))
    photo.save(jpeg := io.BytesIO(), format="JPEG", quality=80)
    return f"<img alt='' src='data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}'>"


def scores_html(run: Run) -> str:
    """Scores of the model that the run began with and of the new one, on the same photos."""
    scores = run.scores()
    before, after = scores["before"] or {}, scores["after"]
    if not after:
        return ""
    counted = "images" if "images" in after else "questions"
    rows = "".join(
        f"<tr><th>{name.replace('_', ' ')}</th><td>{_score(before.get(name))}</td><td>{_score(value)}</td></tr>"
        for name, value in after.items()
        if isinstance(value, (int, float)) and name != counted
    )
    what = f"{after[counted]:,} {'photos' if counted == 'images' else counted} of the {after['split']} split"
    head = "<tr><th></th><th>before</th><th>after</th></tr>"
    return f"<h3>Scores on {what}</h3><table class='scores'>{head}{rows}</table>"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
