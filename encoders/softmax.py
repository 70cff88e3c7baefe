"""The softmax in NumPy, for what comes out of any engine."""

import numpy as np


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (..., N) -> log-probabilities (..., N), in the logits' own precision; -inf stays -inf."""
    return logits - log_sum_exp(logits)


def log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """Logits (..., N) -> log Σ exp (..., 1), by which a logit exceeds its log-probability."""
    largest = logits.max(axis=-1, keepdims=True)
    return largest + np.log(np.exp(logits - largest).sum(axis=-1, keepdims=True))
