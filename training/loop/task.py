"""What a run is given and what it tells: the settings, the task, and the records of its stream."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from runtime.errors import SettingError

from .alarms import Alarm

WHOLE = slice(None)


@dataclass(frozen=True)
class FitSettings:
    """How to fit, whatever the model.

    Attributes:
        epochs: passes over the training data.
        learning_rate: the highest; it rises linearly over the first `warmup` share of all steps, then falls to zero
            along a cosine.
        optimiser: `adamw`, or `sgd` (Nesterov, momentum 0.9).
        weight_decay: of matrices and convolutions; biases and normalisations have none.
        clip: the largest norm a step's gradient may have; it is scaled down to that (Pascanu et al. 2013).
        precision: `32`, `bf16` (bfloat16 where it is safe), or `auto`: bf16 where the processor has it in hardware.
        accumulate: parts that a batch is computed in, one after the other: less memory, the same gradient.
        patience: stop after so many epochs without a better score; 0 never stops early.
        seed: of everything random.
        save_minutes: how often the state is saved within an epoch, at most so much work is lost.
    """

    epochs: int = 20
    learning_rate: float = 1e-3
    optimiser: str = "adamw"
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 5.0
    precision: str = "auto"
    accumulate: int = 1
    patience: int = 0
    seed: int = 1
    save_minutes: float = 5.0

    def __post_init__(self):
        for name in ("epochs", "accumulate"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more.")
        if not self.learning_rate > 0:
            raise SettingError(f"learning rate is {self.learning_rate}; give a number above 0, such as 0.001.")
        if self.optimiser not in ("adamw", "sgd"):
            raise SettingError(f"optimiser is {self.optimiser!r}; choose adamw or sgd.")
        if self.precision not in ("auto", "32", "bf16"):
            raise SettingError(f"precision is {self.precision!r}; choose auto, 32 or bf16.")

    def rate(self, progress: float) -> float:
        """The learning rate after this share (0..1) of all steps."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 0.01)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))


class Task(Protocol):
    """What `fit` needs to know of a model and its data.

    `batch` and the model's own randomness must come from (seed, epoch, step) alone; then a run that was stopped and
    resumed is the run that was not.
    """

    model: nn.Module  # forward(batch) -> the loss, a scalar; of a part of a batch what it adds to the whole one's
    steps: int  # in an epoch
    # said: list[dict[str, str]], of a model that says something: what it said of each photo when last validated

    def batch(self, epoch: int, step: int, part: slice = WHOLE) -> Any:
        """The examples of a step, or these of its photos, of which there may be none; its length counts examples."""

    def rate_scale(self, name: str) -> float:
        """By how much the learning rate of this parameter is multiplied."""

    def validate(self) -> dict[str, float]:
        """Scores on held-out data; `score` is the one that decides, larger is better."""

    def alarms(self, scores: dict[str, float] | None) -> list[Alarm]:
        """What looks wrong: with the data, where there are no scores yet; with the model, once it is validated."""

    def save(self, folder: Path, scores: dict) -> None:
        """Write the model folder that people share."""


@dataclass(frozen=True)
class Step:
    """One step is done. `loss` is the average since the record before; `left` is seconds to the end of the run."""

    epoch: int
    step: int
    steps: int
    loss: float
    rate: float
    examples_a_second: float
    left: float


@dataclass(frozen=True)
class Epoch:
    """One epoch is done and validated. `samples` are what the model then said of the same few photos."""

    epoch: int
    epochs: int
    scores: dict[str, float]
    best: bool
    samples: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Stopped:
    """The run was asked to stop, and has saved all it did: the last record. It can be resumed."""

    epoch: int
    step: int
    steps: int


Record = Step | Epoch | Alarm | Stopped
