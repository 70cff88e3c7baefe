"""A run that goes on has to be the run that was begun: what differs is named, and nothing else stands in the way."""

from dataclasses import replace

import pytest
import torch
from captioner_toys import SIZES, new
from toys import class_folders, coco_folder
from vqa_toys import question_folder, small_answerer

from encoders.text import Vocabulary
from runtime.errors import SettingError
from training.config.fit import FitSettings
from training.config.task import CaptionSettings, EncoderSettings, VqaSettings
from training.loop.fingerprint import differences, digest
from training.loop.fit import fit
from training.readers import read_captions
from training.readers.questions import read_questions
from training.tasks.captioner import CaptionTask
from training.tasks.encoder import EncoderTask
from training.tasks.vqa import VqaTask

HOW = FitSettings(epochs=1, precision="32", learning_rate=0.01)
SETTINGS = CaptionSettings(batch=12, beam=1)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """(its folder, its records) of a small run."""
    folder = tmp_path_factory.mktemp("run")
    records = read_captions(coco_folder(folder / "data")).records
    list(fit(task(folder, records), HOW, folder))
    return folder, records


def task(folder, records, settings=SETTINGS, captioner=None, **more):
    return CaptionTask(captioner or new(records), records, settings, epochs=1, seed=1, cache=folder / "cache", **more)


def other_words(records):
    """A captioner with as many words, one of them another."""
    made = new(records)
    vocabulary = Vocabulary((*made.vocabulary.tokens[:-1], "zebra"), made.vocabulary.unit)
    return type(made).build(made.network.encoder, vocabulary, made.preprocessing, SIZES)


def other_encoder(records):
    made = new(records)
    with torch.no_grad():
        next(made.network.encoder.parameters()).add_(1.0)
    return made


@pytest.mark.parametrize("change, named", [
    (lambda r: {"settings": replace(SETTINGS, smoothing=0.2)}, r"smoothing \(was 0.1, now 0.2\)"),
    (lambda r: {"settings": replace(SETTINGS, objective="cider")}, r"objective \(was likelihood, now cider\)"),
    (lambda r: {"settings": replace(SETTINGS, look_everywhere=1.0)}, "look_everywhere"),
    (lambda r: {"captioner": other_words(r)}, r"vocabulary \(was 15 words, #\w+, now 15 words, #\w+\)"),
    (lambda r: {"captioner": other_encoder(r)}, "encoder weights"),
    (lambda r: {"captioner": new(r, replace(SIZES, dropout=0.2))}, "dropout"),
    (lambda r: {"captioner": new(r), "records": [replace(x, captions=x.captions[::-1]) for x in r]}, "data"),
    (lambda r: {"captioner": new(r), "records": r[::-1]}, "data"),
    (lambda r: {"weights": {"x": 2.0}}, "weights"),
])  # fmt: skip
def test_another_run_is_refused_and_what_differs_is_named(first_run, change, named):
    folder, records = first_run
    with pytest.raises(SettingError, match=named) as error:
        list(fit(task(folder, **{"records": records} | change(records)), HOW, folder, resume=True))
    assert str(error.value).count("(was") == 1 and "this run began with something else" in str(error.value)


def test_the_same_run_goes_on_and_so_does_one_of_an_older_version(first_run, tmp_path):
    folder, records = first_run
    assert not list(fit(task(folder, records), HOW, folder, resume=True))
    saved = torch.load(folder / "resume.pt", weights_only=True)
    saved["state"]["settings"] = {name: saved["state"]["settings"][name] for name in ("epochs", "learning_rate")}
    torch.save(saved, tmp_path / "resume.pt")
    assert not list(fit(task(folder, records), HOW, tmp_path, resume=True))
    with pytest.raises(SettingError, match=r"learning_rate \(was 0.01, now 0.02\)"):
        list(fit(task(folder, records), replace(HOW, learning_rate=0.02), tmp_path, resume=True))


def test_the_answers_of_a_vqa_model_and_the_classes_of_an_encoder_count(tmp_path):
    records = read_questions(question_folder(tmp_path / "questions")).records

    def fingerprint(*answers):
        settings = VqaSettings(finetune_encoder=True)
        answerer = small_answerer(answers)
        return VqaTask(answerer, records, settings, epochs=1, seed=1, cache=tmp_path).fingerprint()

    one, other = fingerprint("red", "left"), fingerprint("red", "yes")
    assert [text.partition(" ")[0] for text in differences(one, other)] == ["answers"]
    folders = class_folders(tmp_path / "classes")
    pretraining = EncoderSettings(encoder="tiny", image_size=32, batch=4)
    before = EncoderTask(folders, pretraining, epochs=1, seed=1, cache=tmp_path).fingerprint()
    (folders / "red").rename(folders / "crimson")
    after = EncoderTask(folders, pretraining, epochs=1, seed=1, cache=tmp_path).fingerprint()
    assert {text.partition(" ")[0] for text in differences(before, after)} == {"classes"}


def test_what_was_not_saved_is_taken_to_be_the_same():
    assert differences({"a": 1}, {"a": 1, "b": 2}) == [] and differences({"a": 1}, {"a": 2}) == ["a (was 1, now 2)"]
    assert digest(["a", "b"], "words") != digest(["ab"], "words") and digest([1], "x").startswith("1 x, #")
