"""What a VQA model answers to the questions of a split, and what that is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.metrics.answers import expected_calibration_error, official_accuracy, plain_accuracy
from training.readers.records import QuestionRecord

from .calibration import confidence


@dataclass(frozen=True)
class Predictions:
    """What a model answers to the questions of a split.

    Attributes:
        records: the questions; answers: the best answer to each; blind: the same without the photo.
        drawn: bool (N,), those the temperature and the threshold are chosen on: `CALIBRATION_QUESTIONS`, drawn by seed.
        logits: (drawn, A), of those.
        attention_entropy: how flat the attention is, 0..1; None where the model has none.
    """

    records: list[QuestionRecord]
    answers: list[str]
    blind: list[str]
    drawn: Tensor
    logits: Tensor
    attention_entropy: float | None

    def accuracies(self, answers: Sequence[str], accuracy=official_accuracy) -> Tensor:
        """What these answers are worth, each in 0..1."""
        return torch.tensor([accuracy(r.answers, a) for r, a in zip(self.records, answers, strict=True)])

    def scores(self, temperature: float) -> dict[str, float]:
        """0-100, and the calibration error 0..1 at this temperature, of the questions that are drawn."""
        correct, blind = self.accuracies(self.answers), self.accuracies(self.blind)
        sure = confidence(self.logits, temperature)
        return {
            "accuracy": 100 * correct.mean().item(),
            "question_only_accuracy": 100 * blind.mean().item(),
            "ece": expected_calibration_error(sure.tolist(), correct[self.drawn].tolist()),
        }

    def plain_scores(self) -> dict[str, float]:
        """0-100: a question is right or wrong."""
        plain, blind = (self.accuracies(a, plain_accuracy).mean().item() for a in (self.answers, self.blind))
        return {"plain_accuracy": 100 * plain, "question_only_plain_accuracy": 100 * blind}
