"""An array on disk, a row for each photo, read and written row by row.

Through the file and not as mapped memory: so a process stays as small for 8,000 photos as for 1,000, and a disk that
runs full is an error and not the end of the process. The file is numpy's own .npy, so `numpy.load` reads it too.
"""

import os
import shutil
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from runtime.atomic import DISK_FULL
from runtime.errors import DataError, WriteError, printable

FREE_SPACE_HINT = "free some space, or name another disk with --cache."


class ArrayFile:
    """Rows of equal shape and type in one file.

    Args:
        file: it must be there; `create` makes it.
        write: open it for writing too.
    """

    def __init__(self, file: Path, *, write: bool = False):
        self.file, mapped = file, np.load(file, mmap_mode="r")
        self.row, self.dtype, self.offset = mapped.shape[1:], mapped.dtype, mapped.offset
        self.size = int(np.prod(self.row)) * self.dtype.itemsize  # bytes of a row
        self._file, self._lock = file.open("r+b" if write else "rb", buffering=0), Lock()
        self.close = weakref.finalize(self, self._file.close)

    @classmethod
    def create(cls, file: Path, dtype, shape: tuple[int, ...]) -> "ArrayFile":
        """A new file of zeros, with all the space it will need where the system can promise it. Its folder is made.

        Raises:
            WriteError: the folder cannot be written. DataError: how much is needed and how much is free.
        """
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        with write_error(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(file.parent).free
            if free >= size * 1.1:
                np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)
                if _preallocate(file):
                    return cls(file, write=True)
        raise DataError(
            f"{printable(file.parent)} has {free / 1e9:.1f} GB free and the cache needs {size * 1.1 / 1e9:.1f} GB; "
            f"{FREE_SPACE_HINT}"
        )

    def write(self, first: int, rows: np.ndarray) -> None:
        """Rows (B, ...) from row number `first` on.

        Raises:
            WriteError: the disk is full.
        """
        data = memoryview(np.ascontiguousarray(rows, dtype=self.dtype)).cast("B")
        with write_error(self.file), self._lock:
            self._file.seek(self.offset + first * self.size)
            while data:
                data = data[self._file.write(data) :]

    def sync(self) -> None:
        """Return once everything written is on the disk itself.

        Raises:
            WriteError: the disk is full.
        """
        with write_error(self.file):
            os.fsync(self._file.fileno())

    def read(self, rows: Iterable[int]) -> Tensor:
        """(B, ...), in the order of the rows asked for.

        Raises:
            DataError: the file was cut short since it was opened.
        """
        rows = [int(row) for row in rows]
        found = np.empty((len(rows), *self.row), self.dtype)
        with self._lock:
            for row, into in zip(rows, found, strict=True):
                self._file.seek(self.offset + row * self.size)
                left = memoryview(into).cast("B")
                while left:  # one call may give less than was asked for
                    if not (got := self._file.readinto(left)):
                        raise DataError(f"{printable(self.file)} was cut short; delete it, and it is made again.")
                    left = left[got:]
        return torch.from_numpy(found)


class CachedRows:
    """The base of a cache: an array on disk with a row for each photo, which a subclass's `fill` makes and opens.

    Attributes:
        paths: the photos' files, a row each.
        file: the array; the subclass names it so that it is found again by whatever it depends on.
        bad: row -> the sentence that says why that photo cannot be opened. Its row is zero.
    """

    def __init__(self, paths: Sequence[Path], file: Path):
        self.paths, self.file = paths, file
        self.bad: dict[int, str] = {}
        self._array: ArrayFile | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Sequence[int]) -> Tensor:
        """(B, ...), in the order of the rows asked for; filled first, where it is not."""
        if self._array is None:
            for _ in self.fill():
                pass
        return self._array.read(rows)


def _preallocate(file: Path) -> bool:
    """Take the space that a file says it has; False, and the file is gone, where the disk is full."""
    if not hasattr(os, "posix_fallocate"):
        return True
    try:
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except OSError as error:
        if error.errno in DISK_FULL:
            file.unlink()
            return False
    return True  # or this kind of disk cannot promise space, and `write` finds out


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time fills this file of a cache; others wait here until it is full, or its process has ended.

    Raises:
        WriteError: the folder cannot be written.
    """
    lock = FileLock(file.with_suffix(".lock"))
    with write_error(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def write_error(file: Path) -> Iterator[None]:
    """A disk that is full, or a folder that cannot be written, as one sentence.

    Raises:
        WriteError: it is.
    """
    try:
        yield
    except OSError as error:
        folder = printable(file.parent)
        if error.errno in DISK_FULL:
            raise WriteError(f"{folder} has no room left for the cache; {FREE_SPACE_HINT}") from None
        raise WriteError(f"{folder} cannot hold the cache ({error.strerror or error}); name a folder that can be "
                         "written with --cache.") from None  # fmt: skip
