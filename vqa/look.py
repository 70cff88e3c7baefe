"""Asking: one photo, encoded once, and any number of questions about it."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from encoders.cnn import ImageEncoder
from encoders.text import UNK, Vocabulary, pad
from runtime.errors import QuestionError, SettingError

from .answer import Answer
from .answers import AnswerSet
from .head import Head, Seen

LONGEST = 1000  # characters of a question; people ask in fewer than 200


def cleaned(question: str) -> str:
    """A question as it is read: control characters and runs of white space become one space.

    Raises:
        QuestionError: it is no text, empty, or longer than `LONGEST`.
    """
    if not isinstance(question, str):
        raise QuestionError(f"a question is text, not {type(question).__name__}; ask it in words.")
    if len(question) > LONGEST:
        raise QuestionError(f"the question has {len(question):,} characters; ask it in at most {LONGEST:,}.")
    text = " ".join("".join(c if c.isprintable() else " " for c in question).split())
    if not text:
        raise QuestionError("the question is empty; ask something, such as: what colour is the car?")
    return text


class AnswerModel(Protocol):
    """What is asked: `vqa.model.Answerer`, which makes looks and is therefore not imported here."""

    encoder: ImageEncoder
    vocabulary: Vocabulary
    answers: AnswerSet
    head: Head
    temperature: float
    threshold: float
    device: torch.device

    def logits(self, seen: Seen, tokens: Tensor, lengths: Tensor, blind: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score every answer to every question: logits (P, Q, N), and where each glimpse looked, (P, Q, G, L)."""


class Look:
    """One photo, encoded: ask about it as often as you like.

    Args:
        features: (1, L, D), the photo's.
    """

    @torch.inference_mode()
    def __init__(self, answerer: AnswerModel, features: Tensor):
        self.answerer = answerer
        self._seen = answerer.head.look(features.to(answerer.device))

    def ask(self, question: str, top: int = 5) -> list[Answer]:
        """The `top` likeliest answers, best first.

        Raises:
            QuestionError: an empty question, or one too long.
        """
        return self.ask_all([question], top)[0]

    @torch.inference_mode()
    def ask_all(self, questions: Sequence[str], top: int = 5, *, blind: bool = False) -> list[list[Answer]]:
        """The `top` likeliest answers to each question, best first.

        Args:
            blind: answer without the photo, from the question alone.

        Raises:
            QuestionError: an empty question, or one too long.
        """
        if top < 1:
            raise SettingError(f"top is {top}; ask for at least 1 answer.")
        ids = [self.answerer.vocabulary.encode(cleaned(question)) for question in questions]
        if not ids:
            return []
        tokens, lengths = (x.unsqueeze(0).to(self.answerer.device) for x in pad(ids))
        hidden = torch.full_like(lengths, blind, dtype=torch.bool)
        logits, p = self.answerer.logits(self._seen, tokens, lengths, hidden)
        attention = p[0].unflatten(2, self.answerer.encoder.grid).cpu()  # (Q, G, rows, cols)
        ranked = torch.softmax(logits[0].float() / self.answerer.temperature, dim=1).cpu()  # (Q, N)
        best = ranked.topk(min(top, ranked.shape[1]), dim=1)
        return [
            self._answers(index, probability, looked, known=any(id != UNK for id in words))
            for index, probability, looked, words in zip(
                best.indices.tolist(), best.values.tolist(), attention, ids, strict=True
            )
        ]

    def _answers(self, index: list[int], probability: list[float], looked: Tensor, *, known: bool) -> list[Answer]:
        """A question with no known word in it is never sure of its answers."""
        return [
            Answer(self.answerer.answers[i], p, known and p >= self.answerer.threshold, looked)
            for i, p in zip(index, probability, strict=True)
        ]
