"""Small captioners trained alike on a frozen encoder's cached features, to be compared."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median

import torch

from captioner.decoder import DecoderSettings
from captioner.model import Captioner
from captioner.search_settings import SearchSettings
from encoders.text import END, PAD, START, UNK
from runtime.bundled import resolve_model
from runtime.errors import DataError, SettingError
from training.config.fit import FitSettings
from training.config.task import CaptionSettings
from training.loop.fit import fit
from training.loop.seed import generator
from training.loop.task import Step, Stopped
from training.metrics.captions import distinct_share
from training.metrics.evaluate import scores_by_set
from training.readers import read_captions
from training.readers.records import CaptionRecord
from training.tasks.captioner import CaptionTask
from training.tasks.start import new_captioner, start_encoder, starting_preprocessing

from .results import Row

MAX_LENGTH = 30
MODELS = "models"  # the folder in a study's with a captioner of each kind, for `python app.py --compare`


@dataclass(frozen=True)
class CaptionerSettings:
    """Sizes of a study on captioners; each is trained with these.

    Attributes:
        data: a data set of captions.
        encoder: the model whose encoder sees the photos.
        photos, val_photos: how many of the train and the val split, drawn at random but the same in every run.
        epochs, batch, learning_rate: of training.
        hidden, embedding, attention, projection, dropout, min_count: as of `python -m training captioner`.
        seeds: how many captioners of a kind where one does not tell.
    """

    data: str
    encoder: str = "bundled-captioner"
    photos: int = 800
    val_photos: int = 300
    epochs: int = 4
    batch: int = 8
    learning_rate: float = 0.004
    hidden: int = 128
    embedding: int = 64
    attention: int = 64
    projection: int = 128
    dropout: float = 0.3
    min_count: int = 3
    seeds: int = 3

    def __post_init__(self):
        for name in ("photos", "val_photos", "epochs", "batch", "hidden", "seeds"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more.")

    def case(self, network: str, options: dict, seed: int) -> dict:
        """All that decides what a captioner comes to."""
        return {"network": network, "options": options, "seed": seed, **asdict(self)} | {"seeds": None}


@lru_cache(maxsize=2)
def sample_records(data: str, photos: int, val_photos: int) -> list[CaptionRecord]:
    """So many photos of the train and of the val split.

    Raises:
        DataError: there are none of one of them.
    """
    found = read_captions(data)
    some = []
    for split, count in (("train", photos), ("val", val_photos)):
        records = found.split(split)
        if not records:
            raise DataError(f"{data} has no {split} split; give another data set.")
        order = torch.randperm(len(records), generator=generator(1, "study", split))[:count]
        some += [records[i] for i in sorted(order.tolist())]
    return some


def train_case(case: dict, out: Path) -> tuple[CaptionTask, Row]:
    """A captioner trained as a case says, and what is known of it; goes on where an earlier call was stopped.

    The row has CIDEr, BLEU-4 and the share of different captions on the val photos, greedily found by the captioner as
    it is after its last epoch, so that no epoch is chosen by these photos.

    Args:
        out: the study's folder; the features are computed there once for all its captioners, and the captioner of
            seed 1 stays there as a model folder.
    """
    s = CaptionerSettings(**{name: case[name] for name in CaptionerSettings.__dataclass_fields__} | {"seeds": 1})
    records = sample_records(s.data, s.photos, s.val_photos)
    folder = str(resolve_model(s.encoder))
    preprocessing = starting_preprocessing(None, folder)
    encoder = start_encoder(None, folder, preprocessing=preprocessing)
    sizes = {"attention_size": s.attention} | case["options"]
    captions = [caption for record in records if record.split == "train" for caption in record.captions]
    captioner = new_captioner(
        encoder, captions, preprocessing,
        DecoderSettings(s.embedding, s.hidden, dropout=s.dropout, projection_size=s.projection, **sizes),
        min_count=s.min_count, max_size=None, unit="word", seed=case["seed"],
    )  # fmt: skip
    task_settings = CaptionSettings(batch=s.batch, beam=1)
    task = CaptionTask(captioner, records, task_settings, epochs=s.epochs, seed=case["seed"], cache=out / "cache")
    for _ in task.prepare():
        pass
    key = hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()[:8]
    run = out / "runs" / f"{case['network']}, seed {case['seed']}, {key}"
    fitting = FitSettings(epochs=s.epochs, learning_rate=s.learning_rate, warmup=0.05, seed=case["seed"])
    rates = []
    for record in fit(task, fitting, run, resume=(run / "resume.pt").is_file()):
        if isinstance(record, Step):
            rates.append(record.examples_a_second)
        if isinstance(record, Stopped):
            raise KeyboardInterrupt
    task.model.eval()
    size = sum(weight.numel() for weight in captioner.network.decoder.recurrent.parameters())
    scores = caption_metrics(task, decode_captions(task, "argmax", case["seed"]))
    row = {"network": case["network"], "seed": case["seed"], **scores,
           "recurrent_parameters": size, "captions_a_second": median(rates or [0.0])}  # fmt: skip
    if case["seed"] == 1:
        captioner.about["validation"] = {name: row[name] for name in ("cider", "bleu_4", "distinct")}
        captioner.save(out / MODELS / case["network"], dtype=torch.float16)
    return task, row


def decode_captions(task: CaptionTask, method: str, seed: int) -> list[str]:
    """Captions of the val photos by `argmax`, by `sampling`, or by `softmax`, which is `decode_softmax`."""
    captions: list[str] = []
    for rows in task.val_rows.split(64):
        features = task.source[rows].float()
        if method == "softmax":
            captions += decode_softmax(task.captioner, features)
        else:
            search = SearchSettings(beam=1, sample=method == "sampling", max_length=MAX_LENGTH, no_repeat=0, seed=seed)
            captions += [caption.text for caption in task.captioner.describe(features, search)]
    return captions


@torch.inference_mode()
def decode_softmax(captioner: Captioner, features: torch.Tensor) -> list[str]:
    """Captions of features (B, L, D), each word the likeliest, but what is fed back is the whole softmax vector."""
    decoder, words = captioner.network.decoder, []
    state, given = decoder.start(features), torch.full((len(features),), START)
    for _ in range(MAX_LENGTH):
        logits, state = decoder.step(given, state)
        logits = logits.index_fill(1, torch.tensor([PAD, START, UNK]), float("-inf"))
        given = torch.softmax(logits, dim=1)
        words.append(logits.argmax(dim=1))
    lists = torch.stack(words, dim=1).tolist()
    return [captioner.vocabulary.decode(ids[: ids.index(END)] if END in ids else ids) for ids in lists]


def caption_metrics(task: CaptionTask, captions: list[str]) -> Row:
    """CIDEr of captions of the val photos, and how many different ones there are."""
    records = [task.records[row] for row in task.val_rows.tolist()]
    scores, _ = scores_by_set(records, captions)
    return {"cider": scores["cider"], "bleu_4": scores["bleu_4"], "distinct": distinct_share(captions)}
