"""Runs for one process or for several, the same global batch, and each run's loss at every step."""

import json
import os
from pathlib import Path

import torch
from captioner_toys import PRE, new
from vqa_toys import SIZES

from captioner import DecoderSettings
from encoders.cnn import ImageEncoder
from training.caches import features
from training.config.fit import FitSettings
from training.config.task import CaptionSettings, VqaSettings
from training.loop import fit as loop
from training.loop.task import Step
from training.readers import read_captions
from training.tasks.captioner import CaptionTask
from training.tasks.question_data import read_all
from training.tasks.start_vqa import new_answerer
from training.tasks.vqa import VqaTask
from vqa import HeadSettings

EVERY_LAYER = "every layer"  # batch normalisation then counts each process's own photos
PLAIN = DecoderSettings(embedding_size=16, hidden_size=16, attention_size=16, dropout=0.0)


def tasks(data: Path, questions: Path, cache: Path):
    """Each named for what it tries. In the last batch of 23 of 24 photos is one, less than there are processes."""
    features.BATCH = 5  # so that each process computes some
    records = read_captions(data).records
    for name, settings in {
        "likelihood": CaptionSettings(batch=23, beam=1, look_everywhere=0.5),
        "cider": CaptionSettings(batch=8, beam=1, objective="cider", samples=2),
        "last layers": CaptionSettings(batch=8, beam=1, finetune_encoder=True, trainable_layers=2),
        EVERY_LAYER: CaptionSettings(batch=8, beam=1, finetune_encoder=True),
    }.items():
        yield name, CaptionTask(new(records, PLAIN), records, settings, epochs=2, seed=1, cache=cache)
    asked = read_all([questions]).records
    trained = [record for record in asked if record.split == "train"]
    for name, photo in {"vqa": True, "vqa without photos": False}.items():
        torch.manual_seed(0)
        head = HeadSettings(**SIZES | {"dropout": 0.0}, photo=photo)
        answerer = new_answerer(ImageEncoder("tiny", image_size=32), trained, PRE, head, seed=0)
        settings = VqaSettings(batch=10, blind=0.0, smoothing=0.1)
        yield name, VqaTask(answerer, asked, settings, epochs=2, seed=1, cache=cache)


def losses(data: Path, questions: Path, out: Path, **how) -> dict[str, list[float]]:
    """Train every task; the loss of each step."""
    loop.STEP_INTERVAL = -1  # seconds: after every step
    found = {}
    for name, task in tasks(data, questions, out / "cache"):
        list(task.prepare())
        settings = FitSettings(epochs=2, learning_rate=0.01, precision="32", **how)
        found[name] = [r.loss for r in loop.fit(task, settings, out / name) if isinstance(r, Step)]
    return found


def write_losses(data: Path, questions: Path, out: Path) -> None:
    """Write this process's `losses` to `RANK.json`."""
    (out / f"{os.environ['RANK']}.json").write_text(json.dumps(losses(data, questions, out)))
