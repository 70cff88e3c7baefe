"""The answerer as people use it: look at a photo once, ask about it any number of times, over any engine."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from encoders.images import Photo, Preprocessing, open_photo
from encoders.softmax import largest, log_softmax
from encoders.stream import stream
from encoders.text import UNK, Vocabulary, pad
from runtime.checkpoint import save_folder
from runtime.errors import PhotoError, SettingError

from .answer import Answer
from .answers import AnswerSet
from .engine import Engine
from .question import clean_question

if TYPE_CHECKING:  # PyTorch is imported where its network is made, and nowhere else
    import torch

    from encoders.cnn import ImageEncoder

    from .head import HeadSettings
    from .network import AnswerNetwork


class Answerer:
    """Answers questions about photos. Threads may share one: nothing of a request is kept in it.

    Args:
        engine: maps tensors to tensors; an `AnswerNetwork`, or anything that offers its functions.
        vocabulary: the words of questions.
        answers: what can be answered, in the order of the engine's logits.
        preprocessing: what the engine's weights were trained with.
        temperature: logits are divided by this before the softmax, so that probabilities are honest (Guo et al. 2017).
        threshold: an answer of a smaller probability is not sure.
        encoder_from: the name of the model whose encoder this is (`vqa.shared.SHARED`): `save` then leaves it out.
        about: scores, licence note and whatever else a model folder tells of itself.

    Raises:
        SettingError: engine and preprocessing are for photos of different sizes, or the temperature is not above 0.
    """

    def __init__(
        self,
        engine: Engine,
        vocabulary: Vocabulary,
        answers: AnswerSet,
        preprocessing: Preprocessing,
        *,
        temperature: float = 1.0,
        threshold: float = 0.5,
        encoder_from: str | None = None,
        about: dict | None = None,
    ):
        if engine.image_size != preprocessing.size:
            raise SettingError(
                f"the encoder is for photos of {engine.image_size} pixels, the preprocessing makes "
                f"{preprocessing.size}; choose one size for both."
            )
        if not temperature > 0:
            raise SettingError(f"temperature is {temperature}; give a number above 0.")
        self.engine, self.vocabulary, self.answers, self.preprocessing = engine, vocabulary, answers, preprocessing
        self.temperature, self.threshold = temperature, threshold
        self.encoder_from, self.about = encoder_from, about or {}

    @classmethod
    def build(
        cls,
        encoder: "ImageEncoder",
        vocabulary: Vocabulary,
        answers: AnswerSet,
        preprocessing: Preprocessing,
        settings: "HeadSettings | None" = None,
        **more,
    ) -> "Answerer":
        """One with a new question encoder and head, to be trained or filled with weights; `more` as of the class."""
        from .network import AnswerNetwork

        sizes = {"vocabulary_size": len(vocabulary), "answers": len(answers), "settings": settings}
        return cls(AnswerNetwork(encoder, **sizes), vocabulary, answers, preprocessing, **more)

    @property
    def network(self) -> "AnswerNetwork":
        """The engine, where it is PyTorch's: what can be trained and saved.

        Raises:
            SettingError: it is another.
        """
        if not hasattr(self.engine, "state_dict"):  # as every torch module has
            raise SettingError("this answerer does not run in PyTorch; load it with exact=True to train or save it.")
        return self.engine

    def save(self, folder: str | Path, *, dtype: "torch.dtype | None" = None) -> Path:
        """Write the model folder; `dtype` torch.float16 halves it.

        Raises:
            ModelError: the folder cannot be written. SettingError: the weights are not those of training any more.
        """
        encoder, tensors = self.network.encoder.config(), self.network.state_dict()
        if self.encoder_from:
            encoder = {"from": self.encoder_from, "fingerprint": self.network.encoder_fingerprint}
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("encoder.")}
        elif self.network.encoder.folded_from:
            raise SettingError("this answerer was loaded for use only; load it with exact=True to save it.")
        config = {
            "encoder": encoder,
            "preprocessing": asdict(self.preprocessing),
            "head": asdict(self.network.settings),
            "vocabulary": {"unit": self.vocabulary.unit, "tokens": self.vocabulary.tokens},
            "answers": self.answers.to_list(),
            "temperature": self.temperature,
            "threshold": self.threshold,
            "about": self.about,
        }
        return save_folder(folder, kind="vqa", config=config, tensors=tensors, dtype=dtype)

    def __call__(self, photo: Photo, question: str, top: int = 5) -> list[Answer]:
        """The `top` likeliest answers to one question, best first; to ask more about the same photo, see `look`.

        Raises:
            PhotoError: a photo that cannot be opened. QuestionError: an empty question, or one too long.
        """
        clean_question(question)  # before the photo is encoded for nothing
        return self.look(photo).ask(question, top)

    def encode(self, photos: np.ndarray):
        """Normalised photos (B, 3, S, S) -> features (B, L, D), in the engine's own kind of array."""
        return self.engine.encode(photos)

    def look(self, photo: Photo) -> "Look":
        """Look at a photo (whatever `encoders.images.open_photo` opens), once for all questions about it.

        Raises:
            PhotoError: it cannot be opened.
        """
        pixels = self.preprocessing(open_photo(photo, min_side=self.preprocessing.min_side))
        return self.look_at(self.encode(pixels[None]))

    def look_at(self, features) -> "Look":
        """Look at a photo that is encoded already: features (1, L, D), from an encoder like this one's.

        Raises:
            SettingError: features of another shape.
        """
        rows, cols = self.engine.grid
        expected = (1, rows * cols, self.engine.feature_size)
        if tuple(features.shape) != expected:
            raise SettingError(
                f"these features have shape {tuple(features.shape)}, this model needs {expected}; encode the photo "
                "with the model's own `encode`, or another's that `shares_encoder_with` it."
            )
        return Look(self, features)

    def shares_encoder_with(self, other) -> bool:
        """Whether another model (a captioner) encodes photos exactly as this one does, so that its features fit."""
        mine, others = self.engine, other.engine
        if not (hasattr(mine, "encoder") and hasattr(others, "encoder")) or self.preprocessing != other.preprocessing:
            return False
        return mine.encoder is others.encoder or mine.encoder_fingerprint == others.encoder_fingerprint

    def stream(self, photos: Iterable[Photo]) -> Iterator[tuple[Photo, "Look | PhotoError"]]:
        """(photo, a look at it, or why it could not be opened), in the order given, encoded batch by batch."""
        return stream(photos, self.preprocessing, lambda batch: [self.look_at(f[None]) for f in self.encode(batch)])


class Look:
    """One photo, encoded: ask about it as often as you like.

    Args:
        features: (1, L, D), the photo's, as the answerer's engine encodes it.
    """

    def __init__(self, answerer: Answerer, features):
        self.answerer = answerer
        self._memory = answerer.engine.start(features)

    def ask(self, question: str, top: int = 5) -> list[Answer]:
        """The `top` likeliest answers, best first.

        Raises:
            QuestionError: an empty question, or one too long.
        """
        return self.ask_all([question], top)[0]

    def ask_all(self, questions: Sequence[str], top: int = 5, *, blind: bool = False) -> list[list[Answer]]:
        """The `top` likeliest answers to each question, best first.

        Args:
            blind: answer without the photo, from the question alone.

        Raises:
            QuestionError: an empty question, or one too long. SettingError: top is below 1.
        """
        if top < 1:
            raise SettingError(f"top is {top}; ask for at least 1 answer.")
        ids = [self.answerer.vocabulary.encode(clean_question(question)) for question in questions]
        if not ids:
            return []
        logits, attention = self._score(ids, blind=blind)
        probabilities = np.exp(log_softmax(logits / self.answerer.temperature))  # (Q, N)
        return [
            self._answers(p, top, looked, known=2 * sum(id != UNK for id in words) >= max(1, len(words)))
            for p, looked, words in zip(probabilities, attention, ids, strict=True)
        ]

    def logits(self, questions: Sequence[str]) -> np.ndarray:
        """The engine's scores of every answer to each question, (Q, N); the questions as for `ask_all`."""
        return self._score([self.answerer.vocabulary.encode(clean_question(q)) for q in questions])[0]

    def _score(self, ids: Sequence[Sequence[int]], *, blind: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Encoded questions -> logits (Q, N), and where each glimpse looked, (Q, G, rows, cols)."""
        tokens, lengths = (x[None] for x in pad(ids))
        hidden = np.ones_like(lengths, dtype=bool) if blind else None
        logits, p = self.answerer.engine.answer(self._memory, tokens, lengths, hidden)
        return logits[0], p[0].reshape(*p.shape[1:3], *self.answerer.engine.grid)

    def _answers(self, probabilities: np.ndarray, top: int, attention: np.ndarray, *, known: bool) -> list[Answer]:
        """Of a question most of whose words are unknown, such as one in another language, no answer is sure."""
        best = largest(probabilities, top)
        return [
            Answer(self.answerer.answers[i], p, known and p >= self.answerer.threshold, attention)
            for i, p in zip(best, probabilities[best].tolist(), strict=True)
        ]
