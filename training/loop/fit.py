"""The training loop, the same for every model: steps, validation, early stopping, saving and resuming.

Knows no pictures and no words. A `Task` says what a batch is and how good the model is; `fit` does the rest and
yields a stream of records, which a command line draws as a bar, a page as a curve, and a test collects.
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

import torch
from torch import Tensor

from runtime.device import best_device, bf16_is_fast
from runtime.errors import GlimpseError, SettingError
from training.config.fit import FitSettings

from .alarms import Alarm, new_alarms
from .distributed import setup_fabric
from .ema import EmaWeights
from .optimiser import make_optimiser
from .resume import RunState, disk_full_as_error, load_state, save_state
from .run_log import RunLog
from .seed import derive_seed
from .stop import stop_on_signal
from .task import Epoch, Record, Step, Stopped, Task

STEP_INTERVAL = 0.5  # seconds between records of steps
SAMPLES = 4  # photos, of which the log keeps what the model says as it learns


def fit(task: Task, settings: FitSettings, out: Path, *, resume: bool = False) -> Iterator[Record]:
    """Train a task; write `out/best`, `out/last` (model folders), `out/log.jsonl` and `out/resume.pt`.

    SIGTERM and Ctrl-C end the run after the step it is at. Closing the iterator ends it at once, and it can be
    resumed from its last save. Under torchrun, each process computes its part of every batch.

    Raises:
        SettingError: nothing to resume, or the run began with other settings, words, answers or data.
        GlimpseError: the loss is no longer a finite number, or the disk is full.
    """
    with stop_on_signal() as stop_requested, closing(_Run(task, settings, Path(out), resume=resume)) as run:
        if not resume:
            yield from run.begin()
        while not run.finished:
            if run.stopping:
                run.save()
                yield Stopped(*run.position, task.steps)
                return
            run.step(stop_requested)
            if run.ends_epoch or run.since_record > STEP_INTERVAL:
                yield run.step_record()
            if run.ends_epoch:
                yield from run.end_epoch()
            elif run.since_save > 60 * settings.save_minutes:
                run.save()


class _Run:
    """The state of a run in progress, and the steps of `fit` as methods."""

    def __init__(self, task: Task, settings: FitSettings, out: Path, *, resume: bool):
        self.task, self.settings, self.out = task, settings, out
        out.mkdir(parents=True, exist_ok=True)
        if settings.precision == "bf16" and not bf16_is_fast(best_device()):  # torch's LSTM does not run in it there
            raise SettingError("this processor has no bfloat16; choose --precision auto or 32.")
        bf16 = settings.precision == "bf16" or (settings.precision == "auto" and bf16_is_fast(best_device()))
        self.fabric = setup_fabric("bf16-mixed" if bf16 else "32-true")
        self.model, self.optimiser = self.fabric.setup(task.model, make_optimiser(task, settings))
        self.ema = EmaWeights(task.model, settings.ema)
        fixed = asdict(replace(settings, save_minutes=0, accumulate=1)) | {"steps in an epoch": task.steps}
        fixed |= task.fingerprint()
        self.state = RunState(settings=fixed)
        if resume:
            self.state = load_state(out / "resume.pt", task.model, self.optimiser, self.ema, fixed)
        self.log = None
        if self.fabric.is_global_zero:
            with disk_full_as_error(out):
                self.log = RunLog(out, sizes=self.state.logged if resume else None, step=self.state.step)
        self.stopping, self.total = False, settings.epochs * task.steps
        self.first, self.started = self.state.step, time.monotonic()
        self.recorded = self.saved = self.started
        self.losses: list[float] = []  # since the record before
        self.examples = 0.0

    @property
    def finished(self) -> bool:
        return self.state.step >= self.total or 0 < self.settings.patience <= self.state.stale

    @property
    def position(self) -> tuple[int, int]:
        """The epoch and, in it, the step that was done last, from 1."""
        epoch, step = divmod(max(0, self.state.step - 1), self.task.steps)
        return epoch + 1, step + (self.state.step > 0)

    @property
    def ends_epoch(self) -> bool:
        return self.state.step % self.task.steps == 0

    @property
    def since_record(self) -> float:
        """Seconds since the last record."""
        return time.monotonic() - self.recorded

    @property
    def since_save(self) -> float:
        """Seconds since the last save."""
        return time.monotonic() - self.saved

    def begin(self) -> list[Alarm]:
        """Say what looks wrong with the data, and save: from now on there is something to resume."""
        alarms = self.task.alarms(None) if self.log else []
        for alarm in alarms:
            self._write("log.jsonl", alarm)
        self.save()
        return alarms

    def step(self, stop_requested: Event) -> None:
        """One step of the optimiser. `stop_requested`: whether this process is to stop; one of many is enough."""
        epoch, step = divmod(self.state.step, self.task.steps)
        self.task.model.train()
        random = derive_seed(self.settings.seed, "step", epoch, step)
        torch.manual_seed(random + self.fabric.global_rank)  # dropout and the like
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(self.state.step / self.total) * group["scale"]
        sums = self._backward(epoch, step)
        sums[2] = stop_requested.is_set()
        loss, examples, stopping = self.fabric.all_reduce(sums, reduce_op="sum").tolist()
        clip = {"max_norm": self.settings.clip, "error_if_nonfinite": False}
        norm = self.fabric.clip_gradients(self.model, self.optimiser, **clip)
        if not math.isfinite(loss) or not torch.isfinite(norm):
            self._raise_non_finite(loss, epoch, step)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.state = replace(self.state, step=self.state.step + 1)
        self.ema.update(self.state.step)
        self.losses.append(loss)
        self.examples += examples
        self.stopping = stopping > 0

    def _backward(self, epoch: int, step: int) -> Tensor:
        """The gradient of this process's parts of a batch: what they add to the loss, their examples, and a 0.

        The average that DDP takes over the processes is made a sum.
        """
        sums = torch.zeros(3, device=self.fabric.device)
        parts, every = self.settings.accumulate, self.settings.accumulate * self.fabric.world_size
        for n in range(parts):
            batch = self.task.batch(epoch, step, slice(self.fabric.global_rank * parts + n, None, every))
            examples = len(batch)
            if not examples:  # more parts than photos: all processes meet in a backward pass, so one of no weight
                batch = self.task.batch(epoch, step, slice(1))
            with self.fabric.no_backward_sync(self.model, enabled=n + 1 < parts):
                loss = self.model(self.fabric.to_device(batch)) * bool(examples)
                self.fabric.backward(loss * self.fabric.world_size)
            sums[0] += loss.detach()
            sums[1] += examples
        return sums

    def _raise_non_finite(self, loss: float, epoch: int, step: int) -> None:
        what = "gradient" if math.isfinite(loss) else "loss"
        value = "not finite" if math.isfinite(loss) else loss
        raise GlimpseError(
            f"the {what} became {value} in epoch {epoch + 1}, step {step + 1}; lower --learning-rate "
            f"(now {self.settings.learning_rate}) or use --precision 32, then --resume from the last save."
        )

    def step_record(self) -> Step:
        """A record of the steps since the one before."""
        now, done = time.monotonic(), self.state.step
        left = (now - self.started) / (done - self.first) * (self.total - done)
        record = Step(*self.position, self.task.steps, sum(self.losses) / len(self.losses),
                      self.settings.rate(done / self.total), self.examples / (now - self.recorded), left)  # fmt: skip
        self._write("steps.jsonl", record, {"loss": record.loss, "learning rate": record.rate})
        self.recorded, self.losses, self.examples = now, [], 0.0
        return record

    def end_epoch(self) -> Iterator[Epoch | Alarm]:
        """Validate, save the model and the state, and say how good it is and what looks wrong."""
        with self.ema.applied():
            record, alarms = self._end_epoch()
        self.save()
        yield record
        yield from alarms
        self.recorded = time.monotonic()

    def _end_epoch(self) -> tuple[Epoch, list[Alarm]]:
        epoch, _ = self.position
        scores, samples, found = self.fabric.broadcast(self._validate(epoch) if self.log else None)
        better = self.state.best is None or scores["score"] > self.state.best
        record = Epoch(epoch, self.settings.epochs, scores, better, samples)
        alarms = new_alarms(found, self.state.alarmed)
        self.state = replace(
            self.state, best=scores["score"] if better else self.state.best,
            stale=0 if better else self.state.stale + 1, alarmed=[alarm.name for alarm in found],
        )  # fmt: skip
        if self.log:
            with disk_full_as_error(self.out):
                for name in ("last", "best")[: 1 + better]:
                    self.task.save(self.out / name, scores)
        self._write("log.jsonl", record, {f"held out/{name}": value for name, value in scores.items()})
        for alarm in alarms:
            self._write("log.jsonl", alarm)
        return record, alarms

    def _validate(self, epoch: int) -> tuple[dict[str, float], list[dict[str, str]], list[Alarm]]:
        self.task.model.eval()
        with torch.no_grad():
            scores = self.task.validate()
        comparable = epoch > 1 or self.settings.epochs == 1  # a first epoch says the same of everything, and may
        found = [replace(alarm, epoch=epoch) for alarm in self.task.alarms(scores)] if comparable else []
        return scores, _subsample(getattr(self.task, "samples", [])), found

    def _write(self, file: str, record: Record, curves: dict[str, float | None] | None = None) -> None:
        """A line of a log file, and points of curves, where this is the process that writes."""
        if self.log:
            with disk_full_as_error(self.out):
                self.log.append(file, record)
                for name, value in (curves or {}).items():
                    self.log.scalar(name, value, self.state.step)

    def save(self) -> None:
        """Write `resume.pt`, where this is the process that writes."""
        if self.log:
            with disk_full_as_error(self.out):
                self.state = replace(self.state, logged=self.log.sizes())
                save_state(self.out / "resume.pt", self.task.model, self.optimiser, self.ema, self.state)
        self.saved = time.monotonic()

    def close(self) -> None:
        if self.log:
            self.log.close()
        del self.model, self.optimiser, self.fabric  # what is distributed must not outlive the run


def _subsample(samples: list[dict[str, str]]) -> list[dict[str, str]]:
    """`SAMPLES` of them at equal distances in the list; the same ones after every epoch."""
    return samples[:: max(1, len(samples) // SAMPLES)][:SAMPLES]
