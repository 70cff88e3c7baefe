"""How often an epoch shows the photos of each of several data sets."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from runtime.errors import SettingError
from training.loop.seed import generator
from training.readers.records import CaptionRecord, QuestionRecord


def data_set_weights(text: str | None, records: Iterable[CaptionRecord | QuestionRecord]) -> dict[str, float]:
    """`1,2` -> each data set's weight, in the order they were given.

    Raises:
        SettingError: it is not one number above 0 for each.
    """
    if text is None:
        return {}
    names = list(dict.fromkeys(record.data_set for record in records))
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = []
    if len(weights) != len(names) or not all(0 < weight <= 100 for weight in weights):
        raise SettingError(f"--weights is {text!r}; give {len(names)} numbers above 0, one for each --data, such as "
                           f"{','.join(['1'] * len(names))}.")  # fmt: skip
    return dict(zip(names, weights, strict=True))


class WeightedRows:
    """The rows of training photos in random order, each as often as its data set's weight says.

    Args:
        data_set_of: row -> the name of its data set.
        weights: data set -> how often an epoch shows each of its photos, 1 unless given; of 0.5, a random half of them,
            another one each epoch.
    """

    def __init__(self, data_set_of: Mapping[int, str], weights: Mapping[str, float], seed: int):
        by_set: dict[str, list[int]] = {}
        for row, name in data_set_of.items():
            by_set.setdefault(name, []).append(row)
        self._by_set = {name: torch.tensor(rows) for name, rows in by_set.items()}
        self._weights, self._seed = weights, seed

    def __call__(self, epoch: int) -> Tensor:
        """The rows of an epoch (from 0)."""
        parts = []
        for name, rows in self._by_set.items():
            whole, rest = divmod(round(self._weights.get(name, 1.0) * len(rows)), len(rows))
            extra = torch.randperm(len(rows), generator=generator(self._seed, "share", name, epoch))[:rest]
            parts += [rows] * whole + [rows[extra]]
        rows = torch.cat(parts)
        return rows[torch.randperm(len(rows), generator=generator(self._seed, "order", epoch))]
