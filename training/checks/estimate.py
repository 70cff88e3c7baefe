"""What training will need: disk, memory and time, measured on a few real batches."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

from runtime.device import best_device, bf16_is_fast
from runtime.errors import DataError
from training.loop.distributed import setup_fabric
from training.loop.seed import generator
from training.readers.records import CaptionRecord

from .photo_files import CheckProgress, photos_by_split
from .report import Needs
from .wording import texts_of

STEPS = 5  # measured, and one more before them that is not
MAX_TIMES_TYPICAL = 4  # times the usual: the longest text is cut to this before it is measured, for it may take minutes
BATCH = 4  # photos a step on the CPU, so that a check needs less memory and time than training
SHORT = 0.5  # seconds; of such a step much is spent beside the photos, and whole steps are measured as well
VALIDATION_PHOTOS = 8  # photos
ENCODER_PHOTOS = 8  # photos, to measure the encoder by
TYPICAL_SHARE = 0.9  # of the photos, by the length of their texts, are typical


def measure(
    task_of: Callable[[Sequence, Path, int], object], records: Sequence, *, batch: int, disk: Path
) -> Iterator[CheckProgress | Needs]:
    """Train a few steps on a few photos, in a temporary folder, and reckon what the whole would take.

    Steps are measured on photos with texts of usual length, and with a longer one: a step goes on until its longest
    text ends, so that one text may take as long as all others.

    Args:
        task_of: `task_of(records, folder, batch)` makes a `training.loop.task.Task` with a cache of its photos.
        batch: photos a step in training.
        disk: a folder on the disk whose free space counts.

    Raises:
        DataError: there is nothing to train or to validate on.
    """
    records = [record for record in records if getattr(record, "answers", True)]
    splits = photos_by_split(records)
    photos = {split: len(splits.get(split, ())) for split in ("train", "val")}
    if not all(photos.values()):
        raise DataError("the data has no train or no val photo, so no training could be measured; add some.")
    small_batch = batch if torch.cuda.is_available() else min(BATCH, batch)
    lengths = text_lengths(records)
    longest = max(lengths, key=lengths.__getitem__)
    typical_photos = sample_typical(lengths, max(small_batch, ENCODER_PHOTOS))
    longest_usual = max(lengths[photo] for photo in typical_photos)
    cut = min(lengths[longest], MAX_TIMES_TYPICAL * longest_usual)
    held_out = _sample_photos(splits["val"], VALIDATION_PHOTOS)

    def task(photos: Sequence[Path], folder: str, size: int = small_batch):
        subset = [truncate_texts(record, cut) for record in records if record.image in set(photos)]
        return task_of(subset, Path(root) / folder, size)

    with TemporaryDirectory(ignore_cleanup_errors=True) as root:  # Windows deletes no file that is mapped
        yield from _prepare(task([*typical_photos, *held_out], "first"))  # not timed: the first takes longer
        ordinary = task([*typical_photos, *held_out], "typical")
        caching = yield from _prepare(ordinary)
        each = np.load(ordinary.source.file, mmap_mode="r")[0].nbytes
        before = _memory()
        step = yield from _timed_steps("measuring: steps", ordinary, STEPS)
        memory = [_extrapolate(*pair, batch / small_batch) for pair in zip(before, _memory(), strict=True)]
        validation = [_timed_validation(ordinary) for _ in range(2)][1]  # the first takes longer
        each_photo = step / small_batch
        if step < SHORT and batch > small_batch:
            many = sample_typical(lengths, batch)
            each_photo = (yield from _whole_step(task([*many, *held_out], "whole", batch))) / len(many)
        longer = task([longest, *typical_photos[: small_batch - 1], *held_out[:1]], "longer")
        yield from _prepare(longer)
        longer_step = yield from _timed_steps("measuring: a longer text", longer, 1)
    a_character = max(0.0, longer_step - step) / max(1, cut - longest_usual)
    all_photos = sum(photos.values())
    yield Needs(
        disk=each * all_photos,
        disk_free=shutil.disk_usage(disk).free,
        memory=memory[0],
        gpu_memory=memory[1],
        caching=caching * all_photos,
        epoch=each_photo * photos["train"] + a_character * excess_length(lengths, longest_usual, batch),
        validation=validation / len(held_out) * photos["val"],
    )


def _extrapolate(before: int | None, after: int | None, times: float) -> int | None:
    """What a measure that grew from `before` to `after` would have grown to, had it grown so many times as much."""
    return None if before is None else round(before + (after - before) * times)


def text_lengths(records: Sequence) -> dict[Path, int]:
    """Characters of the longest text of each training photo."""
    lengths: dict[Path, int] = {}
    for record in records:
        if record.split == "train":
            lengths[record.image] = max(lengths.get(record.image, 0), *map(len, texts_of(record)))
    return lengths


def truncate_texts(record, most: int):
    """The record with no text of more characters."""
    if isinstance(record, CaptionRecord):
        return replace(record, captions=tuple(caption[:most] for caption in record.captions))
    return replace(record, question=record.question[:most])


def sample_typical(lengths: dict[Path, int], count: int) -> list[Path]:
    """Photos drawn from those whose texts are no longer than usual."""
    return _sample_photos(sorted(lengths, key=lengths.__getitem__)[: max(1, int(TYPICAL_SHARE * len(lengths)))], count)


def excess_length(lengths: dict[Path, int], typical_photos: int, batch: int) -> int:
    """Characters beyond the usual in an epoch: of the longest text of each step, since the others end before it."""
    lengths_in_order = [lengths[photo] for photo in _sample_photos(list(lengths), len(lengths))]
    return sum(
        max(0, max(lengths_in_order[first : first + batch]) - typical_photos)
        for first in range(0, len(lengths_in_order), batch)
    )


def _prepare(task) -> Generator[CheckProgress, None, float]:
    """Fill the task's cache; seconds a photo."""
    start = time.perf_counter()
    for done, total in task.prepare():
        yield CheckProgress("measuring: preparing photos", done, total)
    return (time.perf_counter() - start) / len(task.source)


def _timed_steps(what: str, task, steps: int, *optimiser: type) -> Generator[CheckProgress, None, float]:
    """Train so many steps, and one before them that does not count; seconds of one."""
    seconds = []
    for step_seconds in _steps(task, steps + 1, *optimiser):
        seconds.append(step_seconds)
        yield CheckProgress(what, len(seconds), steps + 1)
    return median(seconds[1:])


def _whole_step(task) -> Generator[CheckProgress, None, float]:
    """Seconds of a step of as many photos as in training, and by its optimiser."""
    yield from _prepare(task)
    return (yield from _timed_steps("measuring: whole steps", task, STEPS, torch.optim.AdamW))


def _timed_validation(task) -> float:
    """Seconds of a validation."""
    start = time.perf_counter()
    task.model.eval()
    task.validate()
    return time.perf_counter() - start


def _sample_photos(photos: Sequence[Path], count: int) -> list[Path]:
    order = torch.randperm(len(photos), generator=generator("measure"))[:count]
    return [photos[i] for i in order.tolist()]


def _steps(task, count: int, optimiser: type = torch.optim.SGD) -> Iterator[float]:
    """The seconds of a step, several times, in the precision that training chooses by itself.

    Args:
        optimiser: SGD's has no memory of its own, which would be taken for that of the photos; AdamW is training's.

    It is always the same step: new shapes take time and memory at first, which training soon has behind it.
    """
    bf16 = bf16_is_fast(best_device())
    fabric = setup_fabric("bf16-mixed" if bf16 else "32-true")
    trained = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    model, optimiser = fabric.setup(task.model, optimiser(trained, lr=1e-4))
    task.model.train()
    for _ in range(count):
        start = time.perf_counter()
        loss = model(task.batch(0, 0))
        fabric.backward(loss)
        fabric.clip_gradients(model, optimiser, max_norm=1.0, error_if_nonfinite=False)
        optimiser.step()
        optimiser.zero_grad()
        loss.item()  # a GPU is done only now
        yield time.perf_counter() - start


def _memory() -> tuple[int | None, int | None]:
    """The most bytes this process has held, and on the GPU; None where the system does not tell, or there is none."""
    most, on_gpu = None, torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return most, on_gpu
