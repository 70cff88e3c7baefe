"""The VQA model a training run begins with: new, on a given encoder, or an earlier one extended."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.inference import encoder_fingerprint
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_CAPTIONER, resolve_model
from runtime.checkpoint import load_tensors
from runtime.errors import SettingError, printable
from training.config.model import VqaModel
from training.readers.records import QuestionRecord
from vqa.answers import AnswerSet
from vqa.head import HeadSettings
from vqa.model import Answerer, load
from vqa.shared import shared_config, shared_tensors

from .start import adapt_preprocessing, start_encoder, starting_preprocessing

RESIZED = {  # the weights that have a row for each word, and for each answer
    "question.embedding.weight": "vocabulary",
    "head.output.weight": "answers",
    "head.output.bias": "answers",
}


def start_answerer(config: VqaModel, records: Sequence[QuestionRecord], *, seed: int) -> Answerer:
    """The answerer that training begins with; it knows the words and answers of these records.

    Args:
        records: of the training photos.
        seed: of its new weights.

    Raises:
        SettingError, ModelError, DataError: in one sentence, what of the config or the answers does not fit.
    """
    torch.manual_seed(seed)  # a new encoder's weights
    form = {"image_size": config.image_size, "fit": config.fit}
    known = {"min_count": config.min_count, "most_answers": config.most_answers, "min_answers": config.min_answers}
    if config.start_from:
        answerer = extend_answerer(config.start_from, records, **form, **known)
    else:
        encoder, preprocessing = encoder_for(config.encoder, config.encoder_weights, stride=config.stride, **form)
        head = HeadSettings(
            embedding_size=config.embedding, question_size=config.hidden, **config.recurrent,
            pooling=config.pooling, attention_size=config.attention, fusion=config.fusion, hidden_size=config.fused,
            dropout=config.dropout, photo=config.photo,
        )  # fmt: skip
        answerer = new_answerer(
            encoder, records, preprocessing, head, max_size=config.max_size, unit=config.unit, seed=seed, **known
        )
    if config.share_encoder:
        share_encoder(answerer)
    return answerer


def encoder_for(
    name: str | None, weights: str | None, *, stride: int | None, image_size: int | None, fit: str | None
) -> tuple[ImageEncoder, Preprocessing]:
    """An image encoder with the weights asked for, and the preprocessing they were trained with, but for what is given.

    Args:
        weights: as `training.tasks.start.start_encoder` takes them, or `bundled-captioner`; where None, that one's
            encoder, or random ones for an encoder named.
    """
    weights = weights or ("none" if name else BUNDLED_CAPTIONER)
    folder = resolve_model(weights)
    preprocessing = adapt_preprocessing(starting_preprocessing(name, folder), image_size, fit)
    source = str(folder) if weights == BUNDLED_CAPTIONER else weights
    return start_encoder(name, source, stride=stride, preprocessing=preprocessing), preprocessing


def new_answerer(
    encoder: ImageEncoder,
    records: Sequence[QuestionRecord],
    preprocessing: Preprocessing,
    settings: HeadSettings,
    *,
    min_count: int = 1,
    max_size: int | None = None,
    unit: str = "word",
    most_answers: int | None = None,
    min_answers: float = 1,
    seed: int = 1,
) -> Answerer:
    """An answerer with a fresh question encoder and head, and the words and answers of these records."""
    vocabulary = Vocabulary.build((r.question for r in records), min_count=min_count, max_size=max_size, unit=unit)
    answers = AnswerSet.build((r.answers for r in records), top=most_answers, min_count=min_answers)
    torch.manual_seed(seed)
    return Answerer.build(encoder, vocabulary, answers, preprocessing, settings)


def extend_answerer(
    start_from,
    records: Sequence[QuestionRecord],
    *,
    min_count: int = 1,
    most_answers: int | None = None,
    min_answers: float = 1,
    image_size: int | None = None,
    fit: str | None = None,
) -> Answerer:
    """An earlier answerer that also knows the words and answers of these records.

    What it knew keeps its weights; a new word or answer starts at the mean of them all.

    Args:
        start_from: its folder, or `bundled-vqa`.
        min_count, most_answers, min_answers: which words and answers are new enough to be added.
        image_size, fit: other preprocessing than it had; the grid changes with the size, the weights do not.
    """
    before = load(start_from, device=torch.device("cpu"), exact=True)
    known = before.vocabulary
    seen = Vocabulary.build((r.question for r in records), min_count=min_count, unit=known.unit)
    vocabulary = replace(known, tokens=known.tokens + tuple(t for t in seen.tokens if t not in known.ids))
    answers = before.answers.extend((r.answers for r in records), top=most_answers, min_count=min_answers)
    preprocessing = adapt_preprocessing(before.preprocessing, image_size, fit)
    encoder = ImageEncoder(**before.network.encoder.config() | {"image_size": preprocessing.size})
    after = Answerer.build(encoder, vocabulary, answers, preprocessing, before.network.settings)
    more = {"vocabulary": len(vocabulary) - len(known), "answers": len(answers) - len(before.answers)}
    load_tensors(after.network, _with_means(before.network.state_dict(), more), printable(Path(str(start_from))))
    return after


def _with_means(tensors: dict[str, Tensor], more: dict[str, int]) -> dict[str, Tensor]:
    """The weights with so many more rows for words and answers, each the mean of the rows there are."""
    for name, what in RESIZED.items():
        mean = tensors[name].mean(dim=0, keepdim=True)
        tensors[name] = torch.cat((tensors[name], mean.expand(more[what], *mean.shape[1:])))
    return tensors


def share_encoder(answerer: Answerer) -> None:
    """Let this model's folder name the bundled captioner's encoder, rather than hold a copy.

    Raises:
        SettingError: its encoder is not that one, weight by weight and for photos of the same size.
    """
    shared_encoder = ImageEncoder(**shared_config(BUNDLED_CAPTIONER))
    load_tensors(shared_encoder, shared_tensors(BUNDLED_CAPTIONER), BUNDLED_CAPTIONER)
    if encoder_fingerprint(shared_encoder) != encoder_fingerprint(answerer.network.encoder):
        raise SettingError(
            f"this model's encoder is not the one of {BUNDLED_CAPTIONER} at {shared_encoder.image_size} pixels; leave "
            f"out --share-encoder, or train with --encoder-weights {BUNDLED_CAPTIONER} and without --finetune-encoder."
        )
    answerer.encoder_from = BUNDLED_CAPTIONER
