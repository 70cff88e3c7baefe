"""`import training`: train, evaluate and check from Python."""

import shutil
import subprocess
import sys

import pytest
from toys import coco_folder

import captioner
import training
from runtime.errors import SettingError

QUICK = {"epochs": 1, "batch": 8, "precision": "32", "encoder": "tiny", "image_size": 32, "min_count": 1, "beam": 1,
         "embedding": 16, "attention": 16, "hidden": 16, "scores": False}  # fmt: skip


def test_checking_training_and_scoring_in_three_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)  # METEOR's seconds of Java: test_training_command has them
    data = coco_folder(tmp_path / "data")
    assert training.check(data, quick=True, encoder="tiny", min_count=1).stops == ()
    best = training.train("captioner", data=str(data), out=tmp_path / "run", **QUICK)
    assert best == tmp_path / "run" / "best" and captioner.load(best).vocabulary
    scores = training.evaluate(best, data=data, split="val", beam=1)
    assert scores["images"] == 8 and scores["cider"] >= 0


@pytest.mark.parametrize("kind, options, words", [
    ("detector", {}, "there is no model 'detector' to train; choose one of captioner, vqa, encoder"),
    ("vqa", {"epoch": 3}, "did you mean 'epochs'"),
    ("captioner", {"warmup": 1.0}, "warmup is 1.0"),
])  # fmt: skip
def test_a_wrong_call_is_one_sentence(tmp_path, kind, options, words):
    with pytest.raises(SettingError, match=words):
        training.train(kind, data=tmp_path, out=tmp_path / "run", **options)


def test_importing_it_loads_nothing_heavy():
    code = "import sys, training; training.train, training.evaluate, training.check; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"torch", "numpy", "typer", "rich"} & set(done.stdout.split())
