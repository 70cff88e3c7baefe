"""The softmax in NumPy, for what comes out of any engine."""

import numpy as np


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (..., N) -> log-probabilities (..., N), in the logits' own precision; -inf stays -inf."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
