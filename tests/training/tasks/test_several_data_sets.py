"""Several caption data sets as one: splits respected, weights, and photos that one of them holds out."""

import json
import shutil

import pytest
import torch
from PIL import Image
from toys import coco_folder

from captioner import Captioner, DecoderSettings
from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.text import Vocabulary
from runtime.errors import DataError, SettingError
from training.config.task import CaptionSettings
from training.metrics import evaluate
from training.metrics.evaluate import score_captions
from training.readers.several import HELD_OUT_ELSEWHERE, read_several
from training.tasks.caption_data import read_training_captions
from training.tasks.captioner import CaptionTask
from training.tasks.weights import data_set_weights


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return [coco_folder(folder / "a"), coco_folder(folder / "b", copies=1)]


def caption_file(folder, names: dict[str, str]) -> None:
    """A table of captions: file -> split."""
    rows = "".join(f"{name},a thing,{split}\n" for name, split in names.items())
    (folder / "captions.csv").write_text("image,caption,split\n" + rows)


def test_splits_and_names_are_kept(two):
    found = read_several(two)
    # the same photos of `a` and `b` have the same bytes: b's val and test photos are a's too, none is in train
    assert {r.data_set for r in found.records} == {"a", "b"}
    assert found.format == "coco+coco"
    assert len([r for r in found.split("val") if r.data_set == "b"]) == 8


def test_a_photo_held_out_by_one_is_not_trained_on_from_another(tmp_path):
    for name, colour in (("one", "red"), ("two", "blue")):
        (tmp_path / name).mkdir()
        for n in range(3):
            Image.new("RGB", (20, 20), (n * 40, 0, 100 if colour == "blue" else 0)).save(tmp_path / name / f"{n}.png")
    shutil.copy(tmp_path / "one" / "2.png", tmp_path / "two" / "same.png")  # the same bytes, under another name
    caption_file(tmp_path / "one", {"0.png": "train", "1.png": "val", "2.png": "test"})
    caption_file(tmp_path / "two", {"0.png": "train", "1.png": "val", "2.png": "test", "same.png": "train"})
    found = read_several([tmp_path / "one", tmp_path / "two"])
    assert [r.image.name for r in found.split("train")] == ["0.png", "0.png"]
    assert found.problems.counts[HELD_OUT_ELSEWHERE] == 1 and "same.png" in " ".join(found.problems.sentences())


def test_the_same_coco_photo_in_another_size_is_the_same_photo(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    photos = {"one": "COCO_train2014_000000000042.png", "two": "000000000042.png"}
    Image.new("RGB", (20, 20)).save(tmp_path / "one" / photos["one"])
    Image.new("RGB", (30, 20)).save(tmp_path / "two" / photos["two"])
    for n in range(3):
        Image.new("RGB", (20, 20), (9, n, 0)).save(tmp_path / "one" / f"{n}.png")
        Image.new("RGB", (20, 20), (99, n, 0)).save(tmp_path / "two" / f"{n}.png")
    caption_file(tmp_path / "one", {photos["one"]: "train", "0.png": "train", "1.png": "val", "2.png": "test"})
    caption_file(tmp_path / "two", {photos["two"]: "test", "0.png": "train", "1.png": "val"})
    names = [r.image.name for r in read_several([tmp_path / "one", tmp_path / "two"]).split("train")]
    assert names == ["0.png", "0.png"]
    # and held out by a data set that is not trained on at all
    alone = read_training_captions([tmp_path / "one"], held_out=[tmp_path / "two"])
    assert [r.image.name for r in alone.split("train")] == ["0.png"]


def test_a_data_set_given_twice_is_refused(two):
    with pytest.raises(DataError, match="is given twice"):
        read_several([two[0], two[0]])


def task_of(records, tmp_path, weights):
    torch.manual_seed(0)
    vocabulary = Vocabulary.build(c for r in records for c in r.captions)
    sizes = DecoderSettings(embedding_size=16, hidden_size=16, attention_size=8)
    model = Captioner.build(ImageEncoder("tiny", image_size=32), vocabulary, Preprocessing(size=32), sizes)
    task = CaptionTask(
        model, records, CaptionSettings(batch=8, beam=1), epochs=2, seed=1, cache=tmp_path, weights=weights
    )
    list(task.prepare())
    return task


@pytest.mark.parametrize("a, b", [(1, 1), (2, 1), (0.5, 3)])
def test_weights_say_how_often_an_epoch_shows_a_photo(two, tmp_path, a, b):
    records = read_several(two).records
    task = task_of(records, tmp_path, {"a": a, "b": b})
    counts = {"a": 0, "b": 0}
    for step in range(task.steps):
        for row in task.batch(0, step).rows.tolist():
            counts[task.records[row].data_set] += 1
    photos = {name: sum(r.split == "train" and r.data_set == name for r in records) for name in counts}
    assert counts == {"a": round(a * photos["a"]), "b": round(b * photos["b"])}
    assert not torch.equal(task._order(0), task._order(1)) and torch.equal(task._order(1), task._order(1))


def test_validation_scores_each_set_and_their_mean_decides(two, tmp_path):
    scores = task_of(read_several(two).records, tmp_path, {}).validate()
    assert scores["score"] == pytest.approx((scores["a/cider"] + scores["b/cider"]) / 2)


def test_evaluate_scores_each_set_and_one_alone_once(two, monkeypatch):
    records = read_several(two).split("test")
    captioned = [(r, r.captions[0] if r.data_set == "a" else "nothing of it") for r in records]
    scores = score_captions(captioned)
    assert scores["per_data_set"]["a"]["bleu_4"] == pytest.approx(100, abs=0.1)
    assert scores["per_data_set"]["b"]["bleu_4"] < 1 < scores["bleu_4"] < 100
    times = []
    monkeypatch.setattr(evaluate, "caption_scores", lambda *a, **k: times.append(a) or {"cider": 1.0})
    one = [pair for pair in captioned if pair[0].data_set == "a"]
    assert score_captions(one) == {"images": len(one), "cider": 1.0} and len(times) == 1, "METEOR takes seconds"
    json.dumps(scores)


@pytest.mark.parametrize("text", ["1", "1,2,3", "1,x", "0,1", "1,-1"])
def test_weights_that_make_no_sense_are_refused(two, text):
    with pytest.raises(SettingError, match="give 2 numbers above 0"):
        data_set_weights(text, read_several(two).records)
    assert data_set_weights("1,2.5", read_several(two).records) == {"a": 1.0, "b": 2.5}
    assert data_set_weights(None, read_several(two).records) == {}
