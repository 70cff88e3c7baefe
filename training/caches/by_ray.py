"""Features computed by Ray's processes, on this computer or on many: each writes its rows into the one file of a cache.

The file is what one process would have made of it: the same batches, and so the same bytes.
"""

import copy
import json
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import DataError
from runtime.installed import require_ray

from .array_file import ArrayFile
from .features import BATCH, Extractor, FeatureCache

PART = 8 * BATCH  # rows that a worker is given at once


@dataclass(frozen=True)
class RayWorkers:
    """Ray's processes, as `FeatureCache.compute_with` takes them.

    Attributes:
        workers: how many; None: one for each core.
        address: of a running cluster, whose machines see the photos and the cache under the same paths; None: this
            computer.

    Raises:
        SettingError: Ray is not installed.
    """

    workers: int | None = None
    address: str | None = None

    def __post_init__(self):
        require_ray("--cache-engine ray")

    def __call__(self, cache: FeatureCache, rows: range) -> Iterator[tuple[range, dict[int, str]]]:
        """Compute these rows of a cache and write them into its file; what is written, in any order, and bad photos.

        Raises:
            DataError: some cannot be written, or five workers ended over them. SettingError: Ray cannot be used.
        """
        from scale.cluster import spread

        starts = range(rows.start, rows.stop, PART)
        parts = [_part(cache, range(start, min(start + PART, rows.stop))) for start in starts]
        extractor = cache.extractor
        extractor = replace(extractor, encoder=copy.deepcopy(extractor.encoder).cpu())
        made_with = extractor, str(cache.file.absolute()), str(Path.cwd())
        for left in cache.file.parent.glob(f".{cache.file.stem}-*.tries"):  # by a run that was killed
            left.unlink(missing_ok=True)
        for done in spread(parts, FeatureWorker, *made_with, workers=self.workers, address=self.address):
            first, stop = done["first"], done["stop"]
            if done["error"]:
                raise DataError(f"features of photos {first + 1:,} to {stop:,} were not computed: {done['error']}")
            yield range(first, stop), {first + int(row): why for row, why in json.loads(done["bad"]).items()}


def _part(cache: FeatureCache, rows: range) -> bytes:
    of_rows = slice(rows.start, rows.stop)
    return pickle.dumps((rows, cache.paths[of_rows], list(cache.views[of_rows])))


class FeatureWorker:
    """One process of Ray's.

    Args:
        file: of the cache. base: the folder that relative paths of photos start from.
    """

    def __init__(self, extractor: Extractor, file: str, base: str):
        import torch

        self.extractor, self.file, self.base = extractor, Path(file), base
        torch.set_num_threads(1)  # Ray counts a core for it, and other workers have the others

    def __call__(self, batch: dict) -> dict:
        done = [self._process(*pickle.loads(part)) for part in batch["part"]]
        return {name: [one[name] for one in done] for name in done[0]}

    def _process(self, rows: range, paths: list, views: list[int]) -> dict:
        from scale.cluster import count_try, reason

        result = {"first": rows.start, "stop": rows.stop, "bad": "{}", "error": ""}
        try:
            tries = self.file.with_name(f".{self.file.stem}-{rows.start}.tries")
            count_try(tries)
            os.chdir(self.base)
            bad = self._compute(rows.start, paths, views)
            tries.unlink(missing_ok=True)
            return result | {"bad": json.dumps(bad)}
        except Exception as error:  # it is told where the run can be ended
            return result | {"error": reason(error)}

    def _compute(self, first: int, paths: list, views: list[int]) -> dict[int, str]:
        array, every = ArrayFile(self.file, write=True), {}
        batches = [range(len(paths))[start:][:BATCH] for start in range(0, len(paths), BATCH)]
        for batch, (features, bad) in zip(batches, self.extractor(paths, views, batches), strict=True):
            array.write(first + batch.start, features)
            every |= bad
        array.sync()  # before it is said to be there
        array.close()
        return every
