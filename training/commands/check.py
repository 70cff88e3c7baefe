"""The command line of looking first: `python -m training check`."""

# ruff: noqa: E501 (an option a line)

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

from runtime.command import SOME_FAILED
from runtime.errors import DataError, GlimpseError, SettingError, shown

from .options import Format, console
from .run import defaults

KINDS = ("captions", "questions")


def check(
    data: Annotated[list[Path], typer.Argument(help="The data set; of questions, there may be several.")],
    format: Format = None,
    kind: Annotated[str | None, typer.Option(help="captions or questions [default: what DATA has; captions of both].")] = None,
    start_from: Annotated[str | None, typer.Option(help="The model that would be trained [default: bundled-captioner, or a new VQA model on its encoder].")] = None,
    encoder: Annotated[str | None, typer.Option(help="A new model on this backbone instead.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the photos [default: the model's, or 224].")] = None,
    finetune_encoder: Annotated[bool, typer.Option("--finetune-encoder", help="As if the encoder were trained too.")] = False,
    batch: Annotated[int, typer.Option(help="Photos a step.")] = 32,
    min_count: Annotated[int | None, typer.Option(help="A word must occur this often to be learnt [default: 5; of questions 2].")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Open no photo and measure nothing.")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
):  # fmt: skip
    """Look through a data set before training on it. Says what is there, what is wrong, and what it will take."""
    from rich.console import Console

    from training.checks.check import check as run_check
    from training.checks.estimate import measure
    from training.checks.show import draw_report

    from .show import draw_check

    names = ("format", "start_from", "encoder", "image_size", "finetune_encoder", "batch", "min_count")
    given = {name: value for name, value in locals().items() if name in names and value is not None}
    if encoder and start_from:
        raise SettingError("--start-from goes on with that model's encoder; leave out --encoder.")
    try:
        read = _captions if kind_of(data, format, kind) == "captions" else _questions
        found, model, task_of = read(data, given)
    except GlimpseError as error:
        if json_only:
            print(json.dumps({"error": {"code": error.code, "sentence": str(error)}}))
        raise
    timing = None if quick else measure(task_of, found.records, batch=batch, disk=Path.cwd())
    report = draw_check(run_check(found, model, open_photos=not quick, measure=timing), console)
    if json_only:
        print(json.dumps({"data": [shown(path) for path in data], **asdict(report)}))
    else:
        draw_report(report, map(str, data), Console())
    if report.stops:
        raise typer.Exit(SOME_FAILED)


def kind_of(data: list[Path], format: str | None, kind: str | None) -> str:
    """Whether to read captions or questions.

    Raises:
        SettingError: there is no such kind or format. DataError: the data are neither.
    """
    from training.readers import FORMATS, questions
    from training.tasks.question_data import CAPTIONS

    if kind not in (None, *KINDS):
        raise SettingError(f"there is no kind {kind!r}; choose captions or questions.")
    if kind or format in (CAPTIONS,):
        return kind or "questions"
    readers = {"captions": FORMATS, "questions": questions.FORMATS}
    if format and not any(format in known for known in readers.values()):
        known = ", ".join(dict.fromkeys((*FORMATS, *questions.FORMATS, CAPTIONS)))
        raise SettingError(f"format {format!r} is not known; choose one of {known}.")
    for path in data:
        if not path.exists():
            raise DataError(f"{shown(path)} does not exist; check the spelling of the path.")
    for name, known in readers.items():
        if all(any(known[f].recognise(path) for f in known if format in (None, f)) for path in data):
            return name
    raise DataError(
        f"{', '.join(map(shown, data))}: neither captions nor questions are known there; docs/data.md shows the "
        "smallest example of each format."
    )


def _captions(data: list[Path], given: dict):
    """The data set, the captioner that would be trained, and what makes its task of some records."""
    from training.readers.several import read_several
    from training.tasks.captioner import CaptionSettings, CaptionTask

    from . import captioner as command_captioner
    from .options import picked

    if "encoder" not in given:
        given = {"start_from": "bundled-captioner"} | given
    options: SimpleNamespace = defaults(command_captioner.captioner, **given)
    found = read_several(data, options.format)
    model = command_captioner.start(options, [c for record in found.split("train") for c in record.captions])
    settings = picked(CaptionSettings, options)

    def task_of(few: list, cache: Path, batch: int) -> CaptionTask:
        return CaptionTask(model, few, replace(settings, batch=batch), epochs=1, seed=1, cache=cache)

    return found, model, task_of


def _questions(data: list[Path], given: dict):
    """The same of questions, and an answerer."""
    from training.tasks.question_data import read_all
    from training.tasks.vqa import VqaSettings, VqaTask

    from . import vqa as command_vqa
    from .options import picked

    options: SimpleNamespace = defaults(command_vqa.vqa, **given)
    found = read_all(data, options.format, generate=options.generate)
    # Random weights take as long as the trained ones that would be given: `start` is not to refuse them.
    model = command_vqa.start(SimpleNamespace(**vars(options) | {"finetune_encoder": True}), found.split("train"))
    settings = picked(VqaSettings, options)

    def task_of(few: list, cache: Path, batch: int) -> VqaTask:
        return VqaTask(model, few, replace(settings, batch=batch), epochs=1, seed=1, cache=cache)

    return found, model, task_of
