"""What the training commands share: the options that all of them have, and how they tell of bad photos."""

from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer
from rich.console import Console

from encoders.command import say

console = Console(stderr=True)


class Fit(str, Enum):
    squash, crop, pad = "squash", "crop", "pad"


Data = Annotated[Path, typer.Option(help="The data set.")]
DataSets = Annotated[list[Path], typer.Option(help="A data set; may be given several times.")]
Format = Annotated[str | None, typer.Option(help="Of the data; see docs/data.md [default: found by looking].")]
Out = Annotated[Path, typer.Option(help="Folder of the run: best/, last/, log.jsonl, TensorBoard.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of decoded photos and features [default: OUT/cache].")]
Epochs = Annotated[int, typer.Option(help="Passes over the training photos.")]
Batch = Annotated[int, typer.Option(help="Photos a step.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
Decay = Annotated[float, typer.Option(help="Weight decay.")]
Warmup = Annotated[float, typer.Option(help="Share of the steps in which the learning rate rises.")]
Clip = Annotated[float, typer.Option(help="Largest gradient norm.")]
Precision = Annotated[str, typer.Option(help="32, bf16, or auto: bf16 where the processor has it.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a run in OUT was stopped.")]
Stride = Annotated[int | None, typer.Option(help="Pixels a grid cell covers, 16 or 32 [default: 16].")]


def picked(settings: type, options: SimpleNamespace):
    """A settings dataclass from the options of the same names."""
    names = [field.name for field in fields(settings) if hasattr(options, field.name)]
    return settings(**{name: getattr(options, name) for name in names})


def table(scores: dict) -> str:
    """Scores for people, one a line; those of kinds of question stand a little to the right."""
    rows = {name: value for name, value in scores.items() if name != "per_type"}
    rows |= {f"  {kind}": value for kind, value in scores.get("per_type", {}).items()}
    digits = {"images": 0, "questions": 0, "ece": 3}
    return "\n".join(f"{n:24} {'-' if v is None else format(v, f',.{digits.get(n, 2)}f')}" for n, v in rows.items())


def tell_bad(bad: dict[int, str]) -> None:
    """Say which photos could not be opened: the first few, and how many more."""
    for why in list(bad.values())[:5]:
        say(f"left out: {why}")
    if len(bad) > 5:
        say(f"left out: {len(bad) - 5:,} more photos that could not be opened.")
