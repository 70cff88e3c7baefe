"""What a frozen network makes of photos, computed once for a data set and kept on disk as float16, read in place."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import nn

from encoders.fold import fold_batchnorm
from encoders.images import Preprocessing, open_photo
from runtime.atomic import write_json
from runtime.checkpoint import fingerprint
from runtime.device import autocast, best_device, bf16_is_fast
from runtime.errors import PhotoError
from training.loop.distributed import broadcast, gather, rank_and_size

from .array_file import ArrayFile, CachedRows, locked
from .augment import random_views
from .photos import DECODERS, file_signature, prefetch

BATCH = 32
SAVE_SECONDS = 5  # seconds of work that a kill may lose


class FeatureCache(CachedRows):
    """The features of a list of photo files, float16 (N, ...). Found again by the encoder's weights and precision and
    the files; resumable.

    Args:
        paths: the photos' files, a row each; a photo may have several rows.
        encoder: an image encoder, or its first layers: photos (B, 3, S, S) -> features.
        precision: as `FitSettings` has it: what the encoder computes in. Features are kept in float16 in any case.
        views: for each row 0, the photo as it is, or the seed of a random view of it.
        augment: how random views are made: of `random_views`.

    Attributes:
        exact: whether the encoder computes in float32; in bfloat16 otherwise.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        encoder: nn.Module,
        preprocessing: Preprocessing,
        folder: Path,
        *,
        precision: str = "auto",
        views: Sequence[int] = (),
        augment: dict | None = None,
    ):
        self.exact = precision == "32" or not bf16_is_fast(best_device())
        self.extractor = Extractor(encoder, preprocessing, self.exact, augment or {})
        self.views, self._others = views, None
        with torch.no_grad():
            example = encoder.eval()(torch.zeros(1, 3, preprocessing.size, preprocessing.size))
        self.shape = (len(paths), *example.shape[1:])
        files = hashlib.sha256(b"".join(map(file_signature, paths)))
        files.update(json.dumps([list(views), augment or {}] if views else []).encode())
        computed_in = "float32" if self.exact else "bfloat16"
        key = fingerprint(encoder, asdict(preprocessing), self.shape[1:], computed_in, files.hexdigest())
        super().__init__(list(paths), Path(folder) / f"features-{key}.npy")
        self._metadata_file = self.file.with_suffix(".json")

    def compute_with(self, others: "Others") -> None:
        """Let other processes than this one compute what is not there yet: those of Ray."""
        self._others = others

    def fill(self) -> Iterator[int]:
        """Compute what is not there yet, yielding how many rows are done. What another process computes is waited for.

        Of processes that torchrun started, on one machine or several, each computes its share of the rows.

        Raises:
            DataError: the disk is too small, or cannot be written; or what `compute_with` raises.
        """
        rank, _ = rank_and_size()
        if broadcast(self._read_metadata()) < len(self.paths):
            with locked(self.file) if rank == 0 else nullcontext():
                done = broadcast(self._begin() if rank == 0 else 0)
                if done < len(self.paths):
                    yield from self._let_compute_from(done) if self._others else self._compute_from(done)
        self._read_metadata()
        self._array = ArrayFile(self.file)
        yield len(self.paths)

    def _begin(self) -> int:
        """How many rows are done, which another process may have brought on meanwhile; a file is made if none are."""
        done = self._read_metadata()
        if not done:
            self._metadata_file.unlink(missing_ok=True)
            ArrayFile.create(self.file, np.float16, self.shape).close()
        return done

    def _read_metadata(self) -> int:
        """How many rows are done; and which photos are bad."""
        if not (self._metadata_file.exists() and self.file.exists()):
            return 0
        metadata = json.loads(self._metadata_file.read_text(encoding="utf-8"))
        self.bad = {int(row): why for row, why in metadata["bad"].items()}
        return metadata["done"]

    def _compute_from(self, done: int) -> Iterator[int]:
        (rank, processes), rows = rank_and_size(), range(len(self.paths))
        batches = [rows[start:][:BATCH] for start in range(done, len(rows), BATCH)]
        array, saved, alone = ArrayFile(self.file, write=True), time.monotonic(), processes == 1
        computed = self._compute(array, batches[rank::processes])
        try:
            for last in range(processes - 1, len(batches) + processes - 1, processes):  # each process a batch
                next(computed, None)
                done = batches[min(last, len(batches) - 1)].stop
                if broadcast(time.monotonic() - saved > SAVE_SECONDS):
                    self._save_progress(array, done)
                    saved = time.monotonic()
                yield done
        finally:
            if alone or done == len(rows):  # the others may not come to meet a process that is stopped
                self._save_progress(array, done)
            array.close()

    def _save_progress(self, array: ArrayFile, done: int) -> None:
        array.sync()  # before it is said to be there
        for bad in gather(self.bad):
            self.bad |= bad
        if rank_and_size()[0] == 0:
            self._write_metadata(done)
        broadcast(None)  # the others may read the notes

    def _write_metadata(self, done: int) -> None:
        write_json(self._metadata_file, {"done": done, "bad": self.bad})

    def _compute(self, array: ArrayFile, batches: Sequence[range]) -> Iterator[None]:
        for rows, (features, bad) in zip(batches, self.extractor(self.paths, self.views, batches), strict=True):
            self.bad |= bad
            array.write(rows.start, features)
            yield

    def _let_compute_from(self, done: int) -> Iterator[int]:
        """The same by the others, which write into the file in any order. Only what has no gap before it is said to be
        there, so that whoever goes on does so as after any other stop."""
        found, saved = {}, time.monotonic()
        try:
            for rows, bad in self._others(self, range(done, len(self.paths))):
                found[rows.start] = rows.stop
                self.bad |= bad
                while done in found:
                    done = found.pop(done)
                if time.monotonic() - saved > SAVE_SECONDS:
                    self._write_metadata(done)
                    saved = time.monotonic()
                yield done
        finally:
            self._write_metadata(done)


# What computes rows of a cache elsewhere and writes them into its file: the rows, and why photos cannot be opened.
Others = Callable[[FeatureCache, range], Iterator[tuple[range, dict[int, str]]]]


@dataclass(frozen=True)
class Extractor:
    """A frozen network and how photos are brought to it; another process can be given it.

    Attributes:
        encoder: photos (B, 3, S, S) -> features.
        exact: compute in float32; else in bfloat16.
        augment: how random views are made: of `random_views`.
    """

    encoder: nn.Module
    preprocessing: Preprocessing
    exact: bool
    augment: dict

    @torch.no_grad()
    def __call__(
        self, paths: Sequence[Path], views: Sequence[int], batches: Sequence[range]
    ) -> Iterator[tuple[np.ndarray, dict[int, str]]]:
        """Of each batch of rows the features, float16 (B, ...), and row -> why its photo cannot be opened.

        Args:
            paths: row -> photo.
            views: row -> 0, the photo as it is, or the seed of a random view of it; empty where all are as they are.
        """
        home, device = next(self.encoder.parameters()).device, best_device()
        side = self.preprocessing.size
        encoder = fold_batchnorm(self.encoder.to(device), torch.randn(1, 3, side, side, device=device))

        def pixels(row: int) -> np.ndarray | str:
            return self._pixels(paths[row], views[row] if views else 0)

        with ThreadPoolExecutor(DECODERS) as pool:
            # Decoders keep a GPU busy. Beside an encoder on the CPU they would make it wait for its own cores.
            in_turn = chain.from_iterable(pool.map(pixels, rows) for rows in batches)
            opened = in_turn if device.type == "cpu" else prefetch(pool, pixels, chain(*batches))
            for rows in batches:
                photos = [next(opened) for _ in rows]
                bad = {row: photo for row, photo in zip(rows, photos, strict=True) if isinstance(photo, str)}
                blank = np.zeros((3, side, side), dtype=np.float32)
                photos = torch.from_numpy(np.stack([blank if isinstance(photo, str) else photo for photo in photos]))
                with nullcontext() if self.exact else autocast(device):
                    features = encoder(self.preprocessing.normalise(photos.to(device)))
                features = features.float().cpu()
                features[[row in bad for row in rows]] = 0
                yield features.to(torch.float16).numpy(), bad
        self.encoder.to(home)

    def _pixels(self, path: Path, view: int) -> np.ndarray | str:
        """One photo, float32 (3, S, S), or why it cannot be opened."""
        try:
            pixels = self.preprocessing.pixels(open_photo(path, min_side=self.preprocessing.min_side))
        except PhotoError as error:
            return str(error)
        if not view:
            return pixels.astype(np.float32)
        random = torch.Generator().manual_seed(view)
        pixels = torch.from_numpy(pixels)[None]
        return random_views(pixels, self.preprocessing.size, random, **self.augment)[0].numpy()
