"""The training loop, the same for every model: steps, validation, early stopping, saving and resuming.

Knows no pictures and no words. A `Task` says what a batch is and how good the model is; `fit` does the rest and
yields a stream of records, which a command line draws as a bar, a page as a curve, and a test collects.
"""

import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import nn

from encoders.device import best_device, bf16_is_fast
from encoders.errors import GlimpseError, SettingError

from .seed import mixed

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # importing it sets INFO, and it then talks of itself


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
    patience: int = 0
    seed: int = 1
    save_minutes: float = 5.0

    def __post_init__(self):
        if self.epochs < 1:
            raise SettingError(f"epochs is {self.epochs}; train for at least 1.")
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

    model: nn.Module  # forward(batch) -> the loss, a scalar
    steps: int  # in an epoch

    def batch(self, epoch: int, step: int) -> Any: ...

    def rate_scale(self, name: str) -> float:
        """By how much the learning rate of this parameter is multiplied."""

    def validate(self) -> dict[str, float]:
        """Scores on held-out data; `score` is the one that decides, larger is better."""

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
    """One epoch is done and validated."""

    epoch: int
    epochs: int
    scores: dict[str, float]
    best: bool


@dataclass(frozen=True)
class _State:
    """Where a run stands; everything but tensors."""

    step: int = 0  # of the whole run
    best: float | None = None
    stale: int = 0  # epochs since the best
    settings: dict = field(default_factory=dict)


def fit(task: Task, settings: FitSettings, out: Path, *, resume: bool = False) -> Iterator[Step | Epoch]:
    """Train a task; write `out/best`, `out/last` (model folders), `out/log.jsonl` and `out/resume.pt`.

    Closing the iterator stops the run; it can be resumed from its last save.

    Raises:
        SettingError: nothing to resume, or other settings than the run began with.
        GlimpseError: the loss is no longer a finite number.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and bf16_is_fast(best_device()))
    fabric = Fabric(accelerator="auto", devices=1, precision="bf16-mixed" if bf16 else "32-true")
    model, optimiser = fabric.setup(task.model, _optimiser(task, settings))
    state = _State(settings=asdict(replace(settings, save_minutes=0)))
    if resume:
        state = _load(out / "resume.pt", task.model, optimiser, state.settings)
    log = Log(out, keep=resume)
    started, first, saved = time.monotonic(), state.step, time.monotonic()
    total = settings.epochs * task.steps
    since, losses, examples = time.monotonic(), [], 0

    while state.step < total and not (settings.patience and state.stale >= settings.patience):
        epoch, step = divmod(state.step, task.steps)
        task.model.train()
        torch.manual_seed(mixed(settings.seed, "step", epoch, step))  # dropout and the like
        for group in optimiser.param_groups:
            group["lr"] = settings.rate(state.step / total) * group["scale"]
        batch = task.batch(epoch, step)
        loss = model(batch)
        if not torch.isfinite(loss):
            raise GlimpseError(
                f"the loss became {loss.item()} in epoch {epoch + 1}, step {step + 1}; lower --learning-rate "
                f"(now {settings.learning_rate}) or use --precision 32, then --resume from the last save."
            )
        fabric.backward(loss)
        fabric.clip_gradients(model, optimiser, max_norm=settings.clip, error_if_nonfinite=False)
        optimiser.step()
        optimiser.zero_grad()
        state = replace(state, step=state.step + 1)
        losses.append(loss.detach())
        examples += len(batch)

        now, last = time.monotonic(), step + 1 == task.steps
        if last or now - since > 0.5:
            left = (now - started) / (state.step - first) * (total - state.step)
            record = Step(epoch + 1, step + 1, task.steps, torch.stack(losses).mean().item(),
                          settings.rate(state.step / total), examples / (now - since), left)  # fmt: skip
            log.step(state.step, record)
            yield record
            since, losses, examples = time.monotonic(), [], 0
        if last:
            task.model.eval()
            with torch.no_grad():
                scores = task.validate()
            better = state.best is None or scores["score"] > state.best
            state = replace(
                state, best=scores["score"] if better else state.best, stale=0 if better else state.stale + 1
            )
            task.save(out / "last", scores)
            if better:
                task.save(out / "best", scores)
            record = Epoch(epoch + 1, settings.epochs, scores, better)
            log.epoch(state.step, record)
        if last or now - saved > 60 * settings.save_minutes:
            _save(out / "resume.pt", task.model, optimiser, state)
            saved = time.monotonic()
        if last:
            yield record
            since = time.monotonic()


def _optimiser(task: Task, settings: FitSettings) -> torch.optim.Optimizer:
    groups: dict[tuple, list] = {}
    for name, parameter in task.model.named_parameters():
        if parameter.requires_grad:
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((task.rate_scale(name), decay), []).append(parameter)
    listed = [{"params": p, "scale": scale, "weight_decay": decay} for (scale, decay), p in groups.items()]
    if settings.optimiser == "sgd":
        return torch.optim.SGD(listed, lr=settings.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(listed, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)


def _save(path: Path, model: nn.Module, optimiser, state: _State) -> None:
    temporary = path.with_suffix(".writing")
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "state": asdict(state)}, temporary)
    temporary.replace(path)


def _load(path: Path, model: nn.Module, optimiser, settings: dict) -> _State:
    if not path.is_file():
        raise SettingError(f"there is no run to resume in {path.parent}; leave out --resume to start one.")
    saved = torch.load(path, weights_only=True)
    before = saved["state"]["settings"]
    changed = [f"{k} (was {before.get(k)}, now {v})" for k, v in settings.items() if before.get(k) != v]
    if changed:
        raise SettingError(f"this run began with other settings: {', '.join(changed)}; resume it with the same ones.")
    model.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimiser"])
    return _State(**saved["state"])


class Log:
    """A run's records on disk: `log.jsonl` for programs, TensorBoard's event file for people."""

    def __init__(self, out: Path, *, keep: bool):
        from torch.utils.tensorboard import SummaryWriter

        self.path = out / "log.jsonl"
        if not keep:
            self.path.unlink(missing_ok=True)
        self.board = SummaryWriter(out / "tensorboard")

    def step(self, at: int, record: Step) -> None:
        self.board.add_scalar("loss", record.loss, at)
        self.board.add_scalar("learning rate", record.rate, at)

    def epoch(self, at: int, record: Epoch) -> None:
        for name, value in record.scores.items():
            if value is not None:
                self.board.add_scalar(f"held out/{name}", value, at)
        self.board.flush()
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(record)) + "\n")
