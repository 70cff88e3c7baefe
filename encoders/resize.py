"""Resizing a photo, antialiased: Pillow's `resize` to the pixel, as products of banded matrices, in half its time.

Along one side y = M x, with M (out, in): row i holds the filter about where output pixel i lies among the input's, so
that nearly all of M is zero. Blocks of rows, each with the columns that it needs, are multiplied by NumPy.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

BLOCK = 16  # output pixels: fewer make products too small to be fast, more multiply more zeros
SMALL = 1 << 18  # multiplications: OpenBLAS shares out larger products among threads, which then wait busily


def resize(photo: Image.Image, width: int, height: int, interpolation: str) -> np.ndarray:
    """RGB photo -> uint8 (3, height, width).

    Args:
        interpolation: `bilinear` or `bicubic`.
    """
    bands = b"".join(photo.tobytes("raw", band) for band in "RGB")
    x = np.frombuffer(bands, np.uint8).reshape(3 * photo.height, photo.width).astype(np.float32)
    y = np.empty((len(x), width), np.float32)
    for block, needs, M in _blocks(photo.width, width, interpolation):
        rows = max(1, SMALL // M.size)
        for first in range(0, len(x), rows):
            some = slice(first, first + rows)
            np.matmul(x[some, needs], M.T, out=y[some, block])
    x = _whole(y).astype(np.float32).reshape(3, photo.height, width)
    y = np.empty((3, height, width), np.float32)
    for block, needs, M in _blocks(photo.height, height, interpolation):
        columns = max(1, SMALL // M.size)
        for first in range(0, width, columns):
            some = slice(first, first + columns)
            np.matmul(M, x[:, needs, some], out=y[:, block, some])
    return _whole(y)


def _whole(values: np.ndarray) -> np.ndarray:
    """The nearest of 0..255, uint8; spoils the values."""
    values += 0.5
    return values.clip(0, 255, out=values).astype(np.uint8)


@lru_cache(maxsize=64)
def _blocks(size: int, wanted: int, interpolation: str) -> list[tuple[slice, slice, np.ndarray]]:
    """The rows of M, some at a time: which they are, the columns that are not zero, and what stands there."""
    scale = size / wanted
    stretch = max(scale, 1)  # antialiasing: a filter as wide as what one output pixel covers
    centres = (np.arange(wanted) + 0.5) * scale
    reach = stretch * (2 if interpolation == "bicubic" else 1)
    first = (centres - reach + 0.5).clip(0).astype(int)
    last = (centres + reach + 0.5).clip(max=size).astype(int)
    found = []
    for start in range(0, wanted, BLOCK):
        rows = slice(start, min(start + BLOCK, wanted))
        columns = np.arange(first[rows][0], last[rows][-1])
        x = np.abs(columns + 0.5 - centres[rows, None]) / stretch
        if interpolation == "bicubic":  # Keys 1981, a = -1/2
            M = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2)
        else:
            M = 1 - x
        M[(columns < first[rows, None]) | (columns >= last[rows, None])] = 0
        M /= M.sum(axis=1, keepdims=True)
        found.append((rows, slice(columns[0], columns[-1] + 1), M.astype(np.float32)))
    return found
