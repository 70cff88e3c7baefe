"""An average of the weights that training went through, which is often better than those it ends with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EmaWeights:
    """Exponential moving average of a model's trained weights: w̄ ← d w̄ + (1 − d) w after every step.

    In the first steps d is n / (n + 9) instead, where that is less, so that the weights a run began with are soon
    forgotten (as in `tf.train.ExponentialMovingAverage`; averaging itself: Polyak and Juditsky 1992). Buffers, such as
    the statistics of batch normalisation, are the model's own. torch's `AveragedModel` would copy the whole model,
    with its frozen encoder.

    Args:
        model: as it is before the first step.
        decay: d, from 0 up to 1; 0: no average, the weights as they are.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.weights = [p for p in model.parameters() if p.requires_grad] if decay else []
        self.averages = [p.detach().clone() for p in self.weights]

    @torch.no_grad()
    def update(self, n: int) -> None:
        """Take in the weights after step n, from 1."""
        if self.averages:
            torch._foreach_lerp_(self.averages, self.weights, 1 - min(self.decay, n / (n + 9)))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the model has the average for its weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for weight, average in zip(self.weights, self.averages, strict=True):
            kept = weight.clone()
            weight.copy_(average)
            average.copy_(kept)

    def state_dict(self) -> dict[str, Tensor]:
        """The averages, by their place among the trained weights."""
        return {str(n): average for n, average in enumerate(self.averages)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from these averages.

        Raises:
            KeyError, RuntimeError: they are of another model.
        """
        for n, average in enumerate(self.averages):
            average.copy_(state[str(n)])
