"""A run's records drawn for a terminal: a bar while an epoch runs, a line when it is done."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .loop import Epoch, Step


def _bar(console: Console, *columns) -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *columns,
                    console=console, transient=True)  # fmt: skip


def draw_fill(done: Iterable[int], total: int, what: str, console: Console) -> None:
    """A bar for something that counts up to `total`: `what` names it."""
    with _bar(console, TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=total)
        for count in done:
            bar.update(task, completed=count)


def draw_fit(records: Iterable[Step | Epoch], console: Console) -> Epoch | None:
    """Draw a run to its end; the last epoch's record comes back."""
    last = None
    with _bar(console, TextColumn("{task.fields[note]}")) as bar:
        task = bar.add_task("starting", total=None, note="")
        for record in records:
            if isinstance(record, Step):
                note = f"loss {record.loss:.3f}  {record.examples_a_second:,.0f}/s  {_clock(record.left)} left"
                bar.update(task, description=f"epoch {record.epoch}", completed=record.step, total=record.steps,
                           note=note)  # fmt: skip
            else:
                last = record
                scores = "  ".join(f"{k} {v:.2f}" for k, v in record.scores.items() if k != "score" and v is not None)
                star = "  * best" if record.best else ""
                bar.console.print(f"epoch {record.epoch}/{record.epochs}  {scores}{star}", highlight=False)
    return last


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
