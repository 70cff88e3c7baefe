"""What commands draw on a terminal: a run's records, scores side by side, photos that could not be opened."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from runtime.bundled import resolve_model
from runtime.checkpoint import read_config
from runtime.command import print_error
from runtime.errors import printable
from training.checks.photo_files import CheckProgress
from training.loop.alarms import Alarm
from training.loop.task import Epoch, Record, Step, Stopped
from training.tasks.alarms import ALARM_SCORES

console = Console(stderr=True)
STOPPED = 130  # exit status, as of a command that Ctrl-C ended


def _bar(console: Console, *columns) -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *columns,
                    console=console, transient=True)  # fmt: skip


def draw_fill(done: Iterable[int], total: int, what: str, console: Console) -> None:
    """A bar for something that counts up to `total`: `what` names it."""
    with _bar(console, TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=total)
        for count in done:
            bar.update(task, completed=count)


def draw_check(records: Iterable, console: Console):
    """Draw the progress records of a check; the last record, its result, comes back."""
    result = None
    with _bar(console, TimeRemainingColumn()) as bar:
        task = bar.add_task("reading", total=None)
        for result in records:
            if isinstance(result, CheckProgress):
                bar.update(task, description=result.what, completed=result.done, total=result.total)
    return result


def draw_fit(records: Iterable[Record], console: Console) -> Epoch | None:
    """Draw a run to its end; the last epoch's record comes back.

    Raises:
        SystemExit: the run was asked to stop, and has said how to go on.
    """
    last = record = None
    with _bar(console, TextColumn("{task.fields[note]}")) as bar:
        task = bar.add_task("starting", total=None, note="")
        for record in records:
            if isinstance(record, Step):
                note = f"loss {record.loss:.3f}  {record.examples_a_second:,.0f}/s  {_clock(record.left)} left"
                bar.update(task, description=f"epoch {record.epoch}", completed=record.step, total=record.steps,
                           note=note)  # fmt: skip
            else:
                last = record if isinstance(record, Epoch) else last
                bar.console.print(line(record), highlight=False, markup=False, soft_wrap=True)
    if isinstance(record, Stopped):
        raise SystemExit(STOPPED)
    if last and last.epoch < last.epochs:
        console.print("ended before the last epoch: the score was no better for as many epochs as --patience says.",
                      highlight=False, soft_wrap=True)  # fmt: skip
    return last


def line(record: Epoch | Alarm | Stopped) -> str:
    """A record as a line of text."""
    if isinstance(record, Alarm):
        return f"warning: {record.sentence}"
    if isinstance(record, Stopped):
        where = f"epoch {record.epoch}, step {record.step} of {record.steps}"
        return f"stopped in {where}; all of it is saved: go on with --resume."
    shown = {k: v for k, v in record.scores.items() if k not in ("score", *ALARM_SCORES) and v is not None}
    scores = "  ".join(f"{name} {value:.2f}" for name, value in shown.items())
    star = "  * best" if record.best else ""
    return f"epoch {record.epoch}/{record.epochs}  {scores}{star}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def table(*models: dict) -> str:
    """Scores for people, one a line, of one model or of two side by side, before and after; none that is null."""
    rows = [_rows(scores) for scores in models]
    known = [name for name in rows[-1] if any(scores.get(name) is not None for scores in rows)]
    lines = [[name, *(_figure(name, scores.get(name)) for scores in rows)] for name in known]
    heads = [["", "before", "after"]] if len(models) == 2 else []
    return "\n".join(f"{name:24}" + "".join(f" {figure:>9}" for figure in figures) for name, *figures in heads + lines)


def _rows(scores: dict) -> dict:
    """Those of kinds of question stand below the others, a little to the right."""
    rows = {name: value for name, value in scores.items() if not isinstance(value, dict)}
    for name, own in scores.get("per_data_set", {}).items():
        rows |= {f"  {name}: {score}": own[score] for score in ("bleu_4", "cider")}
    return rows | {f"  {kind}": value for kind, value in scores.get("per_type", {}).items()}


def _figure(name: str, value: float | None) -> str:
    digits = {"images": 0, "questions": 0, "ece": 3}
    return "-" if value is None else f"{value:,.{digits.get(name, 2)}f}"


def report_training_data(model: str | Path) -> None:
    """Print what a model folder's note says it learnt from: whoever scores it on such photos should know."""
    note = read_config(resolve_model(model))["about"].get("note")
    if note:
        print_error(
            f"{printable(model)}: {note.rstrip('.')}. Scores on photos that it learnt from say little of others."
        )


def report_bad_photos(bad: dict[int, str]) -> None:
    """Print which photos could not be opened: the first few, and how many more."""
    for why in list(bad.values())[:5]:
        print_error(f"left out: {why}")
    if len(bad) > 5:
        print_error(f"left out: {len(bad) - 5:,} more photos that could not be opened.")
