"""Several random views of each photo in a feature cache: augmentation for layers that stand on frozen ones."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from encoders.images import Preprocessing
from training.loop.seed import derive_seed

from .features import FeatureCache, Others


class ViewCache:
    """What a frozen network makes of each photo and of random views of it.

    Args:
        paths: the photos' files.
        encoder: the frozen network, photos (B, 3, S, S) -> features.
        views: how many random views of each photo; 0 keeps the photo as it is.
        augment: how views are made: of `random_views`.

    Attributes:
        bad: photo -> the sentence that says why it cannot be opened.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        encoder: nn.Module,
        preprocessing: Preprocessing,
        folder: Path,
        *,
        precision: str = "auto",
        views: Sequence[int],
        seed: int,
        augment: dict,
    ):
        self._count = torch.tensor([max(1, n) for n in views])
        self._first = self._count.cumsum(0) - self._count  # row of each photo's first view
        photos = [photo for photo, n in enumerate(self._count.tolist()) for _ in range(n)]
        seeds = [1 + derive_seed(seed, "view", photo, n) // 2 if views[photo] else 0
                 for photo in range(len(paths)) for n in range(int(self._count[photo]))]  # fmt: skip
        plain = not any(seeds)
        self._cache = FeatureCache(
            [paths[photo] for photo in photos], encoder, preprocessing, folder,
            precision=precision, views=() if plain else seeds, augment=None if plain else augment,
        )  # fmt: skip
        self._photos = photos

    @property
    def file(self) -> Path:
        return self._cache.file

    @property
    def bad(self) -> dict[int, str]:
        return {self._photos[row]: why for row, why in self._cache.bad.items()}

    def compute_with(self, others: Others) -> None:
        """Let other processes than this one compute what is not there yet."""
        self._cache.compute_with(others)

    def fill(self) -> Iterator[int]:
        """Compute what is not there yet, yielding how many views are done.

        Raises:
            DataError: the disk is too small.
        """
        return self._cache.fill()

    def __len__(self) -> int:
        """How many views there are in all."""
        return len(self._cache)

    def view(self, photos: Tensor, n: int) -> Tensor:
        """float16 (B, ...): of these photos the view number n, counted round and round."""
        return self._cache[self._first[photos] + n % self._count[photos]]

    def __getitem__(self, photos: Tensor) -> Tensor:
        return self.view(photos, 0)
