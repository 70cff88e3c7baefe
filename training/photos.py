"""A data set's photos as one array of pixels, decoded once and kept on disk: uint8 (N, 3, S, S).

Reading a photo back is a memory copy, so no training step ever waits for a decoder.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from encoders.errors import DataError, PhotoError, shown
from encoders.images import Preprocessing, open_photo

DECODERS = 4  # threads; Pillow releases Python's lock while it decodes


class PhotoCache:
    """The decoded photos of a list of files.

    Args:
        paths: the files, in the order of the rows.
        preprocessing: their size and fit. Normalising is left to whoever reads, so that pixels can be augmented.
        folder: where the array is kept; it is found again by the files' names, sizes and times.

    Attributes:
        bad: row -> the sentence that says why that photo cannot be opened. Its pixels are zero.
    """

    def __init__(self, paths: Sequence[Path], preprocessing: Preprocessing, folder: Path):
        self.paths, self.preprocessing = [Path(p) for p in paths], preprocessing
        side = preprocessing.size
        self.shape = (len(self.paths), 3, side, side)
        key = hashlib.sha256(json.dumps([asdict(preprocessing)["fit"], side]).encode())
        for path in self.paths:
            key.update(identity(path))
        self.file = Path(folder) / f"photos-{key.hexdigest()[:16]}.npy"
        self.bad: dict[int, str] = {}
        self._array: np.ndarray | None = None

    def fill(self) -> Iterator[int]:
        """Decode what is not there yet, yielding how many rows are done. A finished array is opened at once.

        Raises:
            DataError: the disk is too small.
        """
        notes = self.file.with_suffix(".json")
        if notes.exists():
            self.bad = {int(row): why for row, why in json.loads(notes.read_text()).items()}
        else:
            room_for(int(np.prod(self.shape)), self.file)
            partial = self.file.with_suffix(".partial")
            array = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=self.shape)
            with ThreadPoolExecutor(DECODERS) as pool:
                for row, pixels in enumerate(pool.map(self._decode, range(len(self.paths)))):
                    if isinstance(pixels, str):
                        self.bad[row] = pixels
                    else:
                        array[row] = pixels
                    yield row + 1
            array.flush()
            partial.rename(self.file)
            notes.write_text(json.dumps(self.bad))
        self._array = np.load(self.file, mmap_mode="r")
        yield len(self.paths)

    def _decode(self, row: int) -> np.ndarray | str:
        try:
            photo = open_photo(self.paths[row], smallest=self.preprocessing.size)
            return self.preprocessing.pixels(photo).numpy()
        except PhotoError as error:
            return str(error)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Sequence[int]) -> Tensor:
        """uint8 (B, 3, S, S), in the order of the rows asked for."""
        if self._array is None:
            for _ in self.fill():
                pass
        return torch.from_numpy(self._array[np.asarray(rows, dtype=np.int64)])


def identity(path: Path) -> bytes:
    """What tells a file from another, or from itself before it changed, without reading it."""
    try:
        status = path.stat()
        return f"{shown(path)}|{status.st_size}|{status.st_mtime_ns}\n".encode()
    except OSError:
        return f"{shown(path)}|missing\n".encode()


def room_for(size: int, file: Path) -> None:
    """Make the folder of `file`, and refuse when it has no room for `size` bytes and a tenth more.

    Raises:
        DataError: how much is needed and how much is free.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(file.parent).free
    if free < size * 1.1:
        raise DataError(
            f"{shown(file.parent)} has {free / 1e9:.1f} GB free and the cache needs {size * 1.1 / 1e9:.1f} GB; "
            "free some space, or name another disk with --cache."
        )
