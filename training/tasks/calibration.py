"""Honest probabilities: one temperature, and the threshold from which an answer is called sure.

Both are chosen on questions about photos that the model was not trained on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from runtime.errors import DataError, PhotoError
from training.metrics.answers import official_accuracy
from training.readers.records import QuestionRecord
from vqa.model import Answerer

TEMPERATURES = torch.logspace(-1, 1, 81)  # 0.1 to 10, each 6 % above the one before
THRESHOLDS = torch.linspace(0.01, 0.99, 99)
COST = 3  # of a wrong sure answer, where a right one wins 1: at the threshold, three of four answers are right
HONEST = COST / (1 + COST)  # the threshold of a model whose probabilities are true


def confidence(logits: Tensor, temperature: float) -> Tensor:
    """The probability of each question's best answer: logits (N, A) -> (N,)."""
    return torch.softmax(logits.float() / temperature, dim=1).amax(dim=1)


def log_score(probability: Tensor, correct: Tensor) -> Tensor:
    """How well probabilities tell what turns out right: the mean of r log c + (1 − r) log(1 − c); larger is better.

    Args:
        probability: (N,), c, of each question's best answer; correct: (N,), r, what that is worth, in 0..1.
    """
    c = probability.clamp(1e-6, 1 - 1e-6)
    return (correct * c.log() + (1 - correct) * (1 - c).log()).mean()


def fit_temperature(logits: Tensor, correct: Tensor) -> float:
    """The temperature at which the best answer's probability says best whether it is right (Guo et al. 2017).

    T maximises `log_score` of c = max softmax(logits / T). Guo et al. take the likelihood of the true answer instead;
    but where several answers to one question count as right, as in VQA, no distribution can give each its due.

    Args:
        logits: (N, A); correct: (N,).
    """
    scores = [log_score(confidence(logits, temperature), correct) for temperature in TEMPERATURES.tolist()]
    return round(TEMPERATURES[torch.stack(scores).argmax()].item(), 4)


def fit_threshold(probability: Tensor, correct: Tensor) -> float:
    """The threshold at which calling answers sure pays best, if a right one wins 1 and a wrong one loses `COST`.

    It is near `HONEST` where probabilities are. Of equally good ones it is the nearest to that: a model that is always
    right on held-out questions has no other reason to choose.

    Args:
        probability: (N,), of each question's best answer; correct: (N,), what that is worth, in 0..1.
    """
    gains = torch.stack([(((1 + COST) * correct - COST) * (probability >= t)).sum() for t in THRESHOLDS])
    best = THRESHOLDS[gains >= gains.max() - 1e-4]
    return round(best[(best - HONEST).abs().argmin()].item(), 2)


def calibrate(answerer: Answerer, records: Sequence[QuestionRecord]) -> tuple[float, float]:
    """The temperature and the threshold that fit a model's answers to these questions, of photos it did not learn from.

    Raises:
        DataError: no photo can be opened, or no question has an answer.
    """
    asked: dict = {}
    for record in records:
        if record.answers:
            asked.setdefault(record.image, []).append(record)
    logits, correct = [], []
    for photo, look in answerer.stream(asked):
        if not isinstance(look, PhotoError):
            logits.append(torch.from_numpy(look.logits([record.question for record in asked[photo]])))
            said = [answerer.answers[i] for i in logits[-1].argmax(1).tolist()]
            correct += [official_accuracy(r.answers, answer) for r, answer in zip(asked[photo], said, strict=True)]
    if not correct:
        raise DataError("there is no question with an answer on a photo that can be opened; choose another split.")
    scores, worth = torch.cat(logits), torch.tensor(correct)
    temperature = fit_temperature(scores, worth)
    return temperature, fit_threshold(confidence(scores, temperature), worth)
