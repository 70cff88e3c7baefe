"""Many photos through a model: files opened ahead by other threads, batch by batch, in the order given.

Knows no model: whoever calls says what is made of a batch.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

from runtime.errors import PhotoError

from .images import Preprocessing, open_photo

BATCH = 32  # photos
OPEN_THREADS = 2  # threads; Pillow releases Python's lock while it decodes
Result = TypeVar("Result")


def stream(
    photos: Iterable, preprocessing: Preprocessing, model: Callable[[np.ndarray], Sequence[Result]]
) -> Iterator[tuple[object, Result | PhotoError]]:
    """(photo, what the model makes of it, or why it could not be opened), in the order given.

    The next batch's files are opened while the model is at work on this one.

    Args:
        photos: whatever `encoders.images.open_photo` opens.
        model: normalised photos (B, 3, S, S), B at most `BATCH` -> B results.
    """

    def pixels(photo) -> np.ndarray | PhotoError:
        try:
            return preprocessing.pixels(open_photo(photo, min_side=preprocessing.min_side))
        except PhotoError as error:
            return error

    def open_next() -> list[tuple[object, Future]]:
        return [(photo, pool.submit(pixels, photo)) for photo in islice(photos, BATCH)]

    photos = iter(photos)
    with ThreadPoolExecutor(OPEN_THREADS) as pool:
        ahead = open_next()
        while ahead:
            opened = [(photo, future.result()) for photo, future in ahead]
            ahead = open_next()
            good = [pixels for _, pixels in opened if isinstance(pixels, np.ndarray)]
            results = iter(model(preprocessing.normalise(np.stack(good))) if good else ())
            for photo, found in opened:
                yield photo, next(results) if isinstance(found, np.ndarray) else found
