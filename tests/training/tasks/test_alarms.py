"""Alarms: each is raised where it should be and not where it should not, once, in the stream and in the log."""

import json

import pytest
import torch
from loop_toys import QUICK, Line
from PIL import Image
from toys import class_folders

from training.config.fit import FitSettings
from training.loop.alarms import Alarm
from training.loop.fit import fit
from training.loop.task import Epoch
from training.tasks.alarms import answer_alarms, caption_alarms, commonest_share, entropy, movement, photo_alarms

CAPTIONS = {"cider": 40.0, "shuffled_cider": 8.0, "distinct": 0.7, "commonest": 0.03, "attention_entropy": 0.8,
            "attention_movement": 0.26}  # fmt: skip
ANSWERS = {"accuracy": 60.0, "question_only_accuracy": 50.0, "attention_entropy": 0.8}


def names(alarms):
    return [alarm.name for alarm in alarms]


def test_a_good_model_raises_none():
    assert caption_alarms(CAPTIONS, 100) == [] and answer_alarms(ANSWERS, 100) == []


@pytest.mark.parametrize("seen, name, told", [
    ({"distinct": 0.01}, "collapse", "1% are distinct"),
    ({"commonest": 0.6}, "collapse", "60% of the validation captions are the same"),
    ({"shuffled_cider": 38.0}, "shuffled", r"CIDEr 38.0 when shuffled, 40.0 as they are"),
    ({"cider": 0.3, "shuffled_cider": 0.0}, "shuffled", "check that the data"),
    ({"attention_entropy": 0.999}, "flat attention", r"99.9% of the most"),
    ({"attention_movement": 0.001}, "still attention", "same for every word"),
])  # fmt: skip
def test_what_is_wrong_with_captions_is_one_sentence_with_what_to_try(seen, name, told):
    [alarm] = caption_alarms(CAPTIONS | seen, 100)
    assert alarm.name == name and told in alarm.sentence and "\n" not in alarm.sentence
    assert "--" in alarm.sentence and alarm.sentence.endswith(".")
    assert caption_alarms(CAPTIONS | seen, 3) == [], "three photos prove nothing"


def test_answers_no_better_without_the_photo():
    [alarm] = answer_alarms(ANSWERS | {"question_only_accuracy": 59.8}, 100)
    assert alarm.name == "blind" and "with the photo (60.0) than without it (59.8)" in alarm.sentence
    assert names(answer_alarms(ANSWERS | {"attention_entropy": 0.999}, 100)) == ["flat attention"]
    assert answer_alarms(ANSWERS | {"attention_entropy": None}, 100) == [], "a model without an attention"


def test_entropy_and_movement_of_attention():
    flat, sharp = torch.full((3, 4), 0.25), torch.eye(4)[:2]
    assert entropy(flat).tolist() == pytest.approx([1, 1, 1]) and entropy(sharp).tolist() == [0, 0]
    assert movement(flat).tolist() == [0, 0, 0] and movement(sharp).tolist() == [0.5, 0.5]
    assert movement(sharp[:1].expand(3, 4)).tolist() == [0, 0, 0], "sharp, but always the same cell"
    assert entropy(torch.ones(2, 1)).tolist() == [0, 0], "with one cell there is nowhere to look"


def test_the_share_of_the_commonest_caption():
    assert commonest_share(["a", "b", "a", "c"]) == 0.5 and commonest_share([]) == 0


def test_photos_of_hardly_any_light_and_dark(tmp_path):
    good = sorted(class_folders(tmp_path / "good").rglob("*.png"))
    assert photo_alarms(good) == []
    dark = [tmp_path / f"{n}.png" for n in range(20)]
    for n, path in enumerate(dark):
        Image.new("L", (40, 30), n % 4).save(path)  # a mask: its pixels are class numbers
    [alarm] = photo_alarms(dark + good[:10])
    assert alarm.name == "pixels" and "20 of 30 photos" in alarm.sentence and "go from 0 to 0" in alarm.sentence
    assert photo_alarms(dark[:8] + good) == [], "a few are as they may be"
    assert photo_alarms([tmp_path / "missing.png"] * 20) == [], "missing photos are told elsewhere"


class Alarming(Line):
    """Says of each epoch what the test wants it to."""

    def __init__(self, *said):
        super().__init__()
        self.alarming = list(said)

    def alarms(self, scores):
        names = ["data"] if scores is None else self.alarming.pop(0)
        return [Alarm(name, f"{name} looks wrong.") for name in names]


def test_an_alarm_is_told_once_until_it_was_off_and_never_of_a_first_epoch(tmp_path):
    task = Alarming(["a"], ["a", "b"], ["b"], ["a"])  # of epochs 2 to 5: the first is not judged
    records = list(fit(task, FitSettings(**QUICK | {"epochs": 5}), tmp_path))
    alarms = [(r.name, r.epoch) for r in records if isinstance(r, Alarm)]
    assert alarms == [("data", 0), ("a", 2), ("b", 3), ("a", 5)]
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(r["name"], r["epoch"]) for r in logged if "sentence" in r] == alarms
    assert sum("scores" in r for r in logged) == sum(isinstance(r, Epoch) for r in records) == 5


def test_the_only_epoch_is_judged(tmp_path):
    records = fit(Alarming(["a"]), FitSettings(**QUICK | {"epochs": 1}), tmp_path)
    assert [r.name for r in records if isinstance(r, Alarm)] == ["data", "a"]
