"""How the loop fits a model, whatever the model."""

import math
from dataclasses import dataclass

from .options import Config


@dataclass(frozen=True)
class FitSettings(Config):
    """How to fit, whatever the model.

    Attributes:
        epochs: passes over the training photos.
        learning_rate: the highest learning rate; it rises linearly first (--warmup), then falls to zero along a cosine.
        optimiser: `adamw`, or `sgd` (Nesterov, momentum 0.9).
        weight_decay: weight decay of matrices and convolutions; biases and normalisations have none.
        warmup: share of the steps in which the learning rate rises.
        clip: largest gradient norm; a longer gradient is scaled down to it (Pascanu et al. 2013).
        patience: stop after so many epochs without a better score; 0 never.
        ema: validate and keep an exponential moving average of the weights with this decay, such as 0.999, instead of
            the weights themselves; 0: no average.
        accumulate: compute a batch in so many parts: less memory, the same gradient. But batch normalisation, where an
            encoder is trained, takes the statistics of each part alone, as it would of so small a batch.
        precision: `32`, `bf16`, or `auto`: bf16 where the processor has it.
        seed: of everything random.
        save_minutes: save the state so often within an epoch; at most so much work is lost.
    """

    epochs: int = 20
    learning_rate: float = 1e-3
    optimiser: str = "adamw"
    weight_decay: float = 0.01
    warmup: float = 0.05
    clip: float = 5.0
    ema: float = 0.0
    patience: int = 0
    accumulate: int = 1
    precision: str = "auto"
    seed: int = 1
    save_minutes: float = 5.0

    def __post_init__(self):
        self._require_at_least(1, "epochs", "accumulate")
        self._require_at_least(0, "weight_decay", "patience", "save_minutes")
        self._require_positive("learning_rate", "clip")
        self._require_fraction("warmup", "ema")
        self._require_one_of("optimiser", "adamw", "sgd")
        self._require_one_of("precision", "auto", "32", "bf16")

    def rate(self, progress: float) -> float:
        """The learning rate after this share (0..1) of all steps."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 0.01)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))
