"""A frozen encoder's features, computed once for a data set and kept on disk: float16 (N, L, D), read in place."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from encoders.checkpoint import fingerprint
from encoders.cnn import ImageEncoder
from encoders.device import autocast
from encoders.errors import PhotoError
from encoders.images import Preprocessing, open_photo

from .photos import DECODERS, identity, room_for

BATCH = 32


class FeatureCache:
    """The features of a list of photo files. Found again by the encoder's weights and the files; resumable.

    Attributes:
        bad: row -> the sentence that says why that photo cannot be opened. Its features are zero.
    """

    def __init__(self, paths: Sequence[Path], encoder: ImageEncoder, preprocessing: Preprocessing, folder: Path):
        self.paths, self.encoder, self.preprocessing = list(paths), encoder, preprocessing
        rows, cols = encoder.grid
        self.shape = (len(self.paths), rows * cols, encoder.feature_size)
        files = hashlib.sha256(b"".join(map(identity, self.paths))).hexdigest()
        key = fingerprint(encoder, asdict(preprocessing), encoder.config(), files)
        self.file = Path(folder) / f"features-{key}.npy"
        self._notes = self.file.with_suffix(".json")
        self.bad: dict[int, str] = {}
        self._array: np.ndarray | None = None

    def fill(self) -> Iterator[int]:
        """Compute what is not there yet, yielding how many rows are done.

        Raises:
            DataError: the disk is too small.
        """
        done = 0
        if self._notes.exists():
            notes = json.loads(self._notes.read_text())
            done, self.bad = notes["done"], {int(row): why for row, why in notes["bad"].items()}
        else:
            room_for(2 * int(np.prod(self.shape)), self.file)
            np.lib.format.open_memmap(self.file, mode="w+", dtype=np.float16, shape=self.shape)
        if done < len(self.paths):
            array = np.lib.format.open_memmap(self.file, mode="r+")
            for stop in self._compute(array, done):
                array.flush()
                self._note(stop)
                yield stop
        self._array = np.load(self.file, mmap_mode="r")
        yield len(self.paths)

    @torch.no_grad()
    def _compute(self, array: np.ndarray, done: int) -> Iterator[int]:
        device = next(self.encoder.parameters()).device
        self.encoder.eval()
        with ThreadPoolExecutor(DECODERS) as pool:
            ahead = pool.map(self._pixels, range(done, len(self.paths)))
            for first in range(done, len(self.paths), BATCH):
                rows = range(first, min(first + BATCH, len(self.paths)))
                pixels = torch.stack([next(ahead) for _ in rows])
                with autocast(device):
                    features = self.encoder(self.preprocessing.normalise(pixels.to(device)))
                good = torch.tensor([row not in self.bad for row in rows]).view(-1, 1, 1)
                array[rows.start : rows.stop] = (features.cpu() * good).to(torch.float16).numpy()
                yield rows.stop

    def _pixels(self, row: int) -> Tensor:
        side = self.preprocessing.size
        try:
            return self.preprocessing.pixels(open_photo(self.paths[row], smallest=side))
        except PhotoError as error:
            self.bad[row] = str(error)
            return torch.zeros(3, side, side, dtype=torch.uint8)

    def _note(self, done: int) -> None:
        temporary = self._notes.with_suffix(".writing")
        temporary.write_text(json.dumps({"done": done, "bad": self.bad}))
        temporary.replace(self._notes)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Sequence[int]) -> Tensor:
        """float16 (B, L, D), in the order of the rows asked for."""
        if self._array is None:
            for _ in self.fill():
                pass
        return torch.from_numpy(self._array[np.asarray(rows, dtype=np.int64)])
