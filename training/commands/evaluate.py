"""`python -m training evaluate`: the scores of a captioner or a VQA model on a split."""

import json

from captioner.search_settings import SearchSettings
from runtime.bundled import resolve_model
from runtime.checkpoint import read_config, update_config
from runtime.command import SOME_FAILED, print_error
from runtime.errors import DataError, SettingError
from runtime.onnx_graphs import INT8
from training.config.commands import EvaluateConfig
from training.metrics.answers import NO_WORDNET
from training.metrics.captions import why_no_meteor
from training.readers.columns import Columns
from training.readers.several import read_several
from training.tasks.calibration import calibrate
from training.tasks.question_data import read_all
from vqa.model import load

from .captioner import score_captioner
from .show import report_bad_photos, report_training_data, table
from .vqa import score_answerer


def evaluate(config: EvaluateConfig) -> None:
    """Print the scores; exit status 1 where photos could not be opened."""
    scores, bad = score(config)
    print(json.dumps(scores) if config.json else table(scores))
    if bad:
        raise SystemExit(SOME_FAILED)


def score(config: EvaluateConfig) -> tuple[dict, dict[int, str]]:
    """A model's scores, and why photos could not be opened. With `record`, the scores are kept in its config.json.

    Raises:
        DataError: the data cannot be read, or have no such split.
    """
    of_kind = _answers if read_config(resolve_model(config.model))["kind"] == "vqa" else _captions
    about, scores, bad = of_kind(config)
    report_bad_photos(bad)
    report_training_data(config.model)
    if config.split == "train":
        print_error("A model trained on these photos knows them: their scores say little of others.")
    if config.record:
        folder = resolve_model(config.model)
        name = f"{config.split}_int8" if config.engine == INT8 else config.split
        update_config(folder, about=read_config(folder)["about"] | {name: {**about, **scores}})
    return scores, bad


def _captions(config: EvaluateConfig) -> tuple[dict, dict, dict[int, str]]:
    if config.generate:
        raise SettingError("--generate makes questions, and a captioner is scored on captions; leave it out.")
    if config.calibrate:
        raise SettingError("--calibrate is of a VQA model's answers, and a captioner gives none; leave it out.")
    found = read_several(config.data, config.format, Columns(**config.columns.names))
    search = SearchSettings(beam=config.beam, length_penalty=config.length_penalty)
    records = _records(found, config)
    no_meteor = why_no_meteor()
    if no_meteor:
        print_error(f"METEOR is null: {no_meteor}")
    about = {"data": found.format, "beam": config.beam}
    return about, *score_captioner(config.model, records, search, engine=config.engine, meteor=not no_meteor)


def _answers(config: EvaluateConfig) -> tuple[dict, dict, dict[int, str]]:
    found = read_all(config.data, config.format, generate=config.generate, columns=Columns(**config.columns.names))
    records = _records(found, config)
    if config.calibrate:
        temperature, threshold = calibrate(load(config.model, engine=config.engine), records)
        update_config(resolve_model(config.model), temperature=temperature, threshold=threshold)
    scores, bad = score_answerer(config.model, records, engine=config.engine)
    if scores["wups_0.9"] is None:
        print_error(f"WUPS is null: {NO_WORDNET}")
    return {"data": found.format}, scores, bad


def _records(found, config: EvaluateConfig) -> list:
    records = found.split(config.split)
    if not records:
        named = ", ".join(map(str, config.data))
        raise DataError(f"there is no {config.split} split in {named}; choose one of train, val and test that it has.")
    return records
