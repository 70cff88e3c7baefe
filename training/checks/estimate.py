"""What training will need: disk, memory and time, measured on a few real batches."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from runtime.device import best_device, bf16_is_fast
from runtime.errors import DataError
from training.loop.distributed import connected
from training.loop.seed import generator

from .photo_files import Done, photos_by_split

STEPS = 5  # measured, and one more before them that is not
BATCH = 4  # photos a step on the CPU, so that a check needs less memory than training
VALIDATED = 4  # photos
ENCODED = 8  # photos, to measure the encoder by


@dataclass(frozen=True)
class Needs:
    """What a run on the train and val photos would take on this machine.

    Attributes:
        disk: bytes of the cache of features (of decoded photos, where the encoder is trained too).
        disk_free: bytes there are where it would stand.
        memory: bytes, reckoned from the growth of this process while it measured; None where the system does not tell.
        gpu_memory: bytes on the GPU, reckoned in the same way; None without one.
        caching: seconds to fill the cache, once.
        epoch: seconds of an epoch at most, for the few photos a step that are measured take longer each than many do.
        validation: seconds of the validation after it.
    """

    disk: int
    disk_free: int
    memory: int | None
    gpu_memory: int | None
    caching: float
    epoch: float
    validation: float


def measure(
    task_of: Callable[[Sequence, Path, int], object], records: Sequence, *, batch: int, disk: Path
) -> Iterator[Done | Needs]:
    """Train a few steps on a few photos, in a temporary folder, and reckon what the whole would take.

    Args:
        task_of: `task_of(records, folder, batch)` makes a `training.loop.task.Task` with a cache of its photos.
        batch: photos a step in training.
        disk: a folder on the disk whose free space counts.

    Raises:
        DataError: there is nothing to train or to validate on.
    """
    splits = photos_by_split([record for record in records if getattr(record, "answers", True)])
    photos = {split: len(splits.get(split, ())) for split in ("train", "val")}
    if not all(photos.values()):
        raise DataError("the data has no train or no val photo, so no training could be measured; add some.")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows deletes no file that is mapped
        small = batch if torch.cuda.is_available() else min(BATCH, batch)
        few = {*_drawn(splits["train"], max(small, ENCODED)), *_drawn(splits["val"], VALIDATED)}
        task = task_of([record for record in records if record.image in few], Path(folder), small)
        began = time.perf_counter()
        for done, total in task.prepare():
            yield Done("measuring: preparing photos", done, total)
        caching = (time.perf_counter() - began) / len(task.source)
        each = np.load(task.source.file, mmap_mode="r")[0].nbytes
        seconds, before = [], _memory()
        for step_seconds in _steps(task):
            seconds.append(step_seconds)
            yield Done("measuring: steps", len(seconds), STEPS + 1)
        began = time.perf_counter()
        task.model.eval()
        task.validate()
        validation = (time.perf_counter() - began) / min(VALIDATED, photos["val"])
        memory, gpu_memory = (
            None if a is None else a + (b - a) * batch // small for a, b in zip(before, _memory(), strict=True)
        )
    everything = sum(photos.values())
    yield Needs(
        disk=each * everything,
        disk_free=shutil.disk_usage(disk).free,
        memory=memory,
        gpu_memory=gpu_memory,
        caching=caching * everything,
        epoch=median(seconds[1:]) / small * photos["train"],
        validation=validation * photos["val"],
    )


def _drawn(photos: Sequence[Path], count: int) -> list[Path]:
    order = torch.randperm(len(photos), generator=generator("measure"))[:count]
    return [photos[i] for i in order.tolist()]


def _steps(task) -> Iterator[float]:
    """The seconds of a step, several times, in the precision that training chooses by itself.

    It is always the same step: new shapes take time and memory at first, which training soon has behind it.
    """
    bf16 = bf16_is_fast(best_device())
    fabric = connected("bf16-mixed" if bf16 else "32-true")
    trained = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    model, optimiser = fabric.setup(task.model, torch.optim.SGD(trained, lr=1e-4))
    task.model.train()
    for _ in range(STEPS + 1):
        began = time.perf_counter()
        loss = model(task.batch(0, 0))
        fabric.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
        loss.item()  # a GPU is done only now
        yield time.perf_counter() - began


def _memory() -> tuple[int | None, int | None]:
    """The most bytes this process has held, and on the GPU; None where the system does not tell, or there is none."""
    most, on_gpu = None, torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return most, on_gpu
