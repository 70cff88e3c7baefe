"""A data set's photos as one array of pixels, decoded once and kept on disk: uint8 (N, 3, S, S).

Reading a photo back is a memory copy, so no training step ever waits for a decoder.
"""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from encoders.images import Preprocessing, open_photo
from runtime.atomic import write_json
from runtime.errors import PhotoError, printable
from training.loop.distributed import main_process_first

from .array_file import ArrayFile, CachedRows, locked

DECODERS = min(16, os.cpu_count() or 1)  # threads; Pillow releases Python's lock while it decodes


class PhotoCache(CachedRows):
    """The decoded photos of a list of files, uint8 (N, 3, S, S).

    Args:
        paths: the files, in the order of the rows.
        preprocessing: how they become squares. Normalising is left to whoever reads, so that pixels can be augmented.
        folder: where the array is kept; it is found again by the files' names, sizes and times.
    """

    def __init__(self, paths: Sequence[Path], preprocessing: Preprocessing, folder: Path):
        paths, self.preprocessing = [Path(p) if isinstance(p, str) else p for p in paths], preprocessing
        side = preprocessing.size
        self.shape = (len(paths), 3, side, side)
        looks = {name: value for name, value in asdict(preprocessing).items() if name not in ("mean", "std")}
        key = hashlib.sha256(json.dumps(looks).encode())
        for path in paths:
            key.update(file_signature(path))
        super().__init__(paths, Path(folder) / f"photos-{key.hexdigest()[:16]}.npy")

    def fill(self) -> Iterator[int]:
        """Decode what is not there yet, yielding how many rows are done. A finished array is opened at once; one that
        another process is filling is waited for.

        Raises:
            DataError: the disk is too small, or cannot be written.
        """
        yield from main_process_first(self._fill)

    def _fill(self) -> Iterator[int]:
        if not self._read_metadata():
            with locked(self.file):
                if not self._read_metadata():  # else another process filled it meanwhile
                    yield from self._decode_all()
        self._array = ArrayFile(self.file)
        yield len(self.paths)

    def _read_metadata(self) -> bool:
        """Whether the array is there; and which photos are bad."""
        metadata = self.file.with_suffix(".json")
        if not (metadata.exists() and self.file.exists()):
            return False
        self.bad = {int(row): why for row, why in json.loads(metadata.read_text(encoding="utf-8")).items()}
        return True

    def _decode_all(self) -> Iterator[int]:
        partial = self.file.with_suffix(".partial")
        array = ArrayFile.create(partial, np.uint8, self.shape)
        try:
            with ThreadPoolExecutor(DECODERS) as pool:
                for row, pixels in enumerate(prefetch(pool, self._decode, range(len(self.paths)))):
                    if isinstance(pixels, str):
                        self.bad[row] = pixels
                    else:
                        array.write(row, pixels[None])
                    yield row + 1
            array.sync()
        finally:
            array.close()
        partial.replace(self.file)
        write_json(self.file.with_suffix(".json"), self.bad)

    def _decode(self, row: int) -> np.ndarray | str:
        try:
            photo = open_photo(self.paths[row], min_side=self.preprocessing.min_side)
            return self.preprocessing.pixels(photo)
        except PhotoError as error:
            return str(error)


def prefetch(pool: ThreadPoolExecutor, work: Callable, items: Iterable, most: int = 64) -> Iterator:
    """`work` of each item, in order, while the pool works on the next few; `pool.map` would do all it can at once, and
    hold every photo of a data set in memory."""
    waiting: deque[Future] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def file_signature(path: Path) -> bytes:
    """A key of a file and its version, of its path, size and time, without reading it."""
    try:
        status = path.stat()
        return f"{printable(path)}|{status.st_size}|{status.st_mtime_ns}\n".encode()
    except OSError:
        return f"{printable(path)}|missing\n".encode()
