"""The interface of a task, and the records that a run yields."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from .alarms import Alarm

WHOLE_BATCH = slice(None)


class Task(Protocol):
    """What `fit` needs to know of a model and its data.

    `batch` and the model's own randomness must come from (seed, epoch, step) alone; then a run that was stopped and
    resumed is the run that was not.
    """

    model: nn.Module  # forward(batch) -> the loss, a scalar; of a part of a batch what it adds to the whole one's
    steps: int  # in an epoch
    # said: list[dict[str, str]], of a model that says something: what it said of each photo when last validated

    def batch(self, epoch: int, step: int, part: slice = WHOLE_BATCH) -> Any:
        """The examples of a step, or these of its photos, of which there may be none; its length counts examples."""

    def fingerprint(self) -> dict[str, Any]:
        """What a resumed run must have in common with this one, by name: settings, words, answers, data."""

    def lr_scale(self, name: str) -> float:
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
