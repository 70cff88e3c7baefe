"""`python -m training check`: look through a data set before training on it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from runtime.command import SOME_FAILED, print_error
from runtime.errors import DataError, GlimpseError, SettingError, printable
from training.checks.check import check as check_records
from training.checks.estimate import measure
from training.checks.report import Report
from training.checks.show import draw_report
from training.config.commands import CheckConfig
from training.config.model import CaptionerModel, VqaModel
from training.config.task import CaptionSettings, VqaSettings
from training.readers import FORMATS, caption_tables, files_by_format, questions
from training.readers.coco_objects import labels_in
from training.readers.columns import USUAL, Columns
from training.readers.several import read_several
from training.tasks.captioner import CaptionTask
from training.tasks.question_data import CAPTIONS, OBJECTS, read_all
from training.tasks.start import start_captioner
from training.tasks.start_vqa import start_answerer
from training.tasks.vqa import VqaTask

from .show import console, draw_check


def check(config: CheckConfig) -> None:
    """Print the report; exit status 1 where training would refuse the data."""
    try:
        report = report_on(config)
    except GlimpseError as error:
        if config.json:
            print(json.dumps({"error": {"code": error.code, "sentence": str(error)}}))
        raise
    if config.json:
        print(json.dumps({"data": [printable(path) for path in config.data], **asdict(report)}))
    else:
        draw_report(report, map(str, config.data), Console())
        for sentence in _not_looked_at(config, report.kind):
            print_error(sentence)
    if report.stops:
        raise SystemExit(SOME_FAILED)


def report_on(config: CheckConfig) -> Report:
    """What the data hold, what is wrong, and what training on them will take."""
    columns = Columns(**config.columns.names)
    read = _captions if kind_of(config.data, config.format, config.kind, columns) == "captions" else _questions
    found, model, task_of = read(config, columns)
    refused = isinstance(model, DataError)
    timing = None if config.quick or refused else measure(task_of, found.records, batch=config.batch, disk=Path.cwd())
    return draw_check(check_records(found, model, open_photos=not config.quick, measure=timing), console)


def _not_looked_at(config: CheckConfig, kind: str) -> Iterator[str]:
    """What else could have been looked at, where nobody chose."""
    if kind == "questions":
        return
    columns = Columns(**config.columns.names)
    if not config.kind and any(questions.formats_of(path, columns) for path in config.data):
        yield "There are questions too; to look through those, add --kind questions."
    if not (config.start_from or config.encoder):
        yield "What it takes is told of --start-from bundled-captioner; for another, add --start-from or --encoder."


def kind_of(data: tuple[Path, ...], format: str | None, kind: str | None, columns: Columns = USUAL) -> str:
    """Whether to read captions or questions.

    Raises:
        SettingError: there is no such format. DataError: the data are neither.
    """
    if kind or format in (CAPTIONS, OBJECTS):
        return kind or "questions"
    readers = {"captions": FORMATS, "questions": questions.FORMATS}
    if format and not any(format in known for known in readers.values()):
        known = ", ".join(dict.fromkeys((*FORMATS, *questions.FORMATS, CAPTIONS, OBJECTS)))
        raise SettingError(f"format {format!r} is not known; choose one of {known}.")
    for path in data:
        if not path.exists():
            raise DataError(f"{printable(path)} does not exist; check the spelling of the path.")
    found = {
        "captions": [list(files_by_format(path, columns)) for path in data],
        "questions": [[*questions.formats_of(path, columns), *([OBJECTS] * labels_in(path))] for path in data],
    }
    for name, formats in found.items():
        if all(format in formats_there if format else formats_there for formats_there in formats):
            return name
    tables = [caption_tables.missing_columns(path, columns) for path in data]
    raise DataError(
        next(filter(None, tables), None)
        or f"{', '.join(map(printable, data))}: no captions, questions or object labels are known there; docs/data.md "
        "shows the smallest example of each format."
    )


def _captions(config: CheckConfig, columns: Columns) -> tuple:
    """The data set, the captioner that would be trained, and what makes its task of some records."""
    start_from = config.start_from or (None if config.encoder else "bundled-captioner")
    model_config = CaptionerModel.of(**_model(config) | {"start_from": start_from})
    found = read_several(config.data, config.format, columns)
    captions = [caption for record in found.split("train") for caption in record.captions]
    model = start_captioner(model_config, captions, seed=1)
    return found, model, _task_of(CaptionTask, model, CaptionSettings(finetune_encoder=config.finetune_encoder))


def _questions(config: CheckConfig, columns: Columns) -> tuple:
    """The same of questions, and an answerer, or the error with which training would refuse to make one of them."""
    model_config = VqaModel.of(**_model(config))
    found = read_all(config.data, config.format, columns=columns)
    if not found.records:
        raise DataError(f"{'; '.join(found.remarks).removesuffix('.')}; give questions that can be asked.")
    try:
        model = start_answerer(model_config, found.split("train"), seed=1)
    except DataError as error:
        model = error
    return found, model, _task_of(VqaTask, model, VqaSettings(finetune_encoder=config.finetune_encoder))


def _model(config: CheckConfig) -> dict:
    """The options of a check that are a model's, where they are given."""
    given = {name: getattr(config, name) for name in ("start_from", "encoder", "image_size", "min_count")}
    return {name: value for name, value in given.items() if value is not None}


def _task_of(task: type, model, settings: CaptionSettings | VqaSettings) -> Callable:
    def make(records: list, cache: Path, batch: int):
        return task(model, records, replace(settings, batch=batch), epochs=1, seed=1, cache=cache)

    return make
