"""What the training commands share: the options that all of them have, and how they tell of bad photos."""

# ruff: noqa: E501 (an option a line)

import inspect
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer
from rich.console import Console

from runtime.command import say
from training.readers.columns import Columns

console = Console(stderr=True)


class Fit(str, Enum):
    squash, crop, pad = "squash", "crop", "pad"


Data = Annotated[Path, typer.Option(help="The data set.")]
DataSets = Annotated[list[Path], typer.Option(help="A data set; may be given several times.")]
Format = Annotated[str | None, typer.Option(help="Of the data; see docs/data.md [default: found by looking].")]
Generate = Annotated[bool, typer.Option("--generate", help="Make questions from captions too, where there are both.")]
Out = Annotated[Path, typer.Option(help="Folder of the run: best/, last/, log.jsonl, TensorBoard.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of decoded photos and features [default: OUT/cache].")]
Epochs = Annotated[int, typer.Option(help="Passes over the training photos.")]
Batch = Annotated[int, typer.Option(help="Photos a step.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
Decay = Annotated[float, typer.Option(help="Weight decay.")]
Warmup = Annotated[float, typer.Option(help="Share of the steps in which the learning rate rises.")]
Clip = Annotated[float, typer.Option(help="Largest gradient norm.")]
Accumulate = Annotated[int, typer.Option(help="Compute a batch in so many parts: less memory, the same result.")]
Precision = Annotated[str, typer.Option(help="32, bf16, or auto: bf16 where the processor has it.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Train even where the check finds what would ruin the run.")]
Scores = Annotated[bool, typer.Option(help="At the end, score START_FROM and the new model on the same photos.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a run in OUT was stopped.")]
Stride = Annotated[int | None, typer.Option(help="Pixels a grid cell covers, 16 or 32 [default: 16].")]


_Column = Annotated[str | None, typer.Option(metavar="NAME", help="Of a table [default: one of the usual names].")]
_COLUMNS = {
    "image_column": _Column,
    "caption_column": Annotated[list[str] | None, typer.Option(metavar="NAME", help="The same; several times, or caption_*.")],
    "question_column": _Column,
    "answer_column": _Column,
    "split_column": _Column,
    "strip_prefix": Annotated[str | None, typer.Option(metavar="PATH", help="What stands before DATA's own paths in its photos' names.")],
}  # fmt: skip


def with_columns(command: Callable) -> Callable:
    """A command that has an option for each of `Columns`, from one that takes `columns`."""

    def run(*args, **given):
        captions = tuple(given.pop("caption_column", None) or ())
        named = {name.removesuffix("_column"): given.pop(name, None) for name in _COLUMNS if name != "caption_column"}
        return command(*args, **given, columns=Columns(captions=captions, **named))

    kind = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.signature(command)
    own = [p.replace(kind=kind) for name, p in signature.parameters.items() if name != "columns"]
    more = [inspect.Parameter(name, kind, default=None, annotation=hint) for name, hint in _COLUMNS.items()]
    run.__signature__ = signature.replace(parameters=own + more)
    run.__annotations__ = {p.name: p.annotation for p in own + more}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def picked(settings: type, options: SimpleNamespace):
    """A settings dataclass from the options of the same names."""
    names = [field.name for field in fields(settings) if hasattr(options, field.name)]
    return settings(**{name: getattr(options, name) for name in names})


def table(*models: dict) -> str:
    """Scores for people, one a line, of one model or of two side by side, before and after."""
    rows = [_row_by_row(scores) for scores in models]
    lines = [[name, *(_figure(name, scores.get(name)) for scores in rows)] for name in rows[-1]]
    heads = [["", "before", "after"]] if len(models) == 2 else []
    return "\n".join(f"{name:24}" + "".join(f" {figure:>9}" for figure in figures) for name, *figures in heads + lines)


def _row_by_row(scores: dict) -> dict:
    """Those of kinds of question stand below the others, a little to the right."""
    rows = {name: value for name, value in scores.items() if not isinstance(value, dict)}
    for name, own in scores.get("per_data_set", {}).items():
        rows |= {f"  {name}: {score}": own[score] for score in ("bleu_4", "cider")}
    return rows | {f"  {kind}": value for kind, value in scores.get("per_type", {}).items()}


def _figure(name: str, value: float | None) -> str:
    digits = {"images": 0, "questions": 0, "ece": 3}
    return "-" if value is None else f"{value:,.{digits.get(name, 2)}f}"


def tell_bad(bad: dict[int, str]) -> None:
    """Say which photos could not be opened: the first few, and how many more."""
    for why in list(bad.values())[:5]:
        say(f"left out: {why}")
    if len(bad) > 5:
        say(f"left out: {len(bad) - 5:,} more photos that could not be opened.")
