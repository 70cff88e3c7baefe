"""Honest probabilities: one temperature, and the threshold from which an answer is called sure.

Both are chosen on questions about photos that the model was not trained on.
"""

import torch
from torch import Tensor

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
