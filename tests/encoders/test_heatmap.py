"""Attention over a photo: bright exactly where the model looked, and a strip that can be read."""

import numpy as np
import pytest
from PIL import Image

from encoders.heatmap import PAPER, overlay, strip
from encoders.images import FITS, Preprocessing

ORANGE = (214, 110, 40)  # of the bars


def grey(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (120, 120, 120))


def hot(row: int, column: int, cells: int = 4) -> np.ndarray:
    attention = np.full((cells, cells), 0.01)
    attention[row, column] = 0.85
    return attention


def light(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(float).sum(axis=2)


@pytest.mark.parametrize("size", [(120, 60), (60, 120), (91, 64)])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("row, column", [(1, 2), (2, 1), (1, 1)])
def test_the_brightest_spot_is_the_hot_cell(fit: str, size: tuple[int, int], row: int, column: int):
    preprocessing = Preprocessing(size=64, fit=fit)
    left, top, right, bottom = preprocessing.box(*size)
    picture = overlay(grey(*size), hot(row, column), preprocessing)
    assert picture.size == size and picture.mode == "RGB"
    shining = np.argwhere(light(picture) > 0.95 * light(picture).max()).mean(axis=0) + 0.5
    cell = ((bottom - top) / 4, (right - left) / 4)
    middle = (top + (row + 0.5) * cell[0], left + (column + 0.5) * cell[1])
    assert np.abs(shining - middle).max() < max(cell) / 4


@pytest.mark.parametrize("rows, cols", [(2, 5), (5, 2), (3, 4)])
def test_a_grid_may_have_more_rows_than_columns_or_fewer(rows: int, cols: int):
    attention = np.full((rows, cols), 0.01)
    attention[rows - 1, 1] = 0.9
    picture = light(overlay(grey(120, 90), attention, Preprocessing(size=64)))
    shining = np.argwhere(picture > 0.95 * picture.max()).mean(axis=0) + 0.5
    assert (np.floor(shining / (90, 120) * (rows, cols)) == (rows - 1, 1)).all()


def test_what_a_crop_does_not_show_is_dim():
    picture = light(overlay(grey(120, 60), np.ones((4, 4)), Preprocessing(size=64, fit="crop")))
    assert (picture[:, :28] < picture[:, 34:86].min()).all() and (picture[:, 92:] < picture[:, 34:86].min()).all()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_only_the_shape_of_the_attention_counts(scale: float, dtype: type):
    plain = light(overlay(grey(40, 40), hot(1, 1), Preprocessing(size=32)))
    other = light(overlay(grey(40, 40), (hot(1, 1) * scale).astype(dtype), Preprocessing(size=32)))
    assert np.abs(other - plain).max() < (60 if scale < 1 and dtype == np.float16 else 6)


def test_looking_nowhere_is_dim_and_finite():
    picture = light(overlay(grey(40, 40), np.zeros((4, 4)), Preprocessing(size=32)))
    assert (picture == picture[0, 0]).all() and 0 < picture[0, 0] < 360


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (20000, 10), (10, 20000), (1, 1)])
@pytest.mark.parametrize("words", [0, 1, 5, 13])
def test_a_strip_of_any_photo(size: tuple[int, int], words: int):
    looks = [("dog", 0.5, hot(1, 2))] * words
    sheet = strip(grey(*size), "a dog " * 30, looks, Preprocessing(size=32, fit="pad"), tile=100, columns=6)
    pixels = np.asarray(sheet)
    tiles = min(words + 1, 6)
    assert sheet.mode == "RGB" and tiles * (50 + 18) <= sheet.width - 18 <= tiles * (100 + 18) and sheet.height < 4000
    bars = (pixels == ORANGE).all(axis=2)
    assert bars.any() == bool(words)
    assert (pixels[:, :4] == PAPER).all() and (pixels[:, -4:] == PAPER).all(), "nothing is cut off at the sides"


def test_bars_are_as_long_as_the_probabilities():
    looks = [(word, share, hot(0, 0)) for word, share in (("a", 0.2), ("dog", 0.5), ("runs", 1.0), ("off", 0.0))]
    pixels = np.asarray(strip(grey(100, 100), "a dog runs off", looks, Preprocessing(size=32), tile=100))
    bars = (pixels == ORANGE).all(axis=2)
    row = bars[bars.any(axis=1)][0]
    edges = np.flatnonzero(np.diff(np.pad(row, 1).astype(int)))
    assert (edges[1::2] - edges[::2]).tolist() == pytest.approx([20, 50, 100, 0], abs=1.5)


def test_the_photo_is_left_as_it_was():
    photo = grey(300, 200)
    strip(photo, "a dog", [("a", 1.0, hot(0, 0))], Preprocessing(size=32))
    assert photo.size == (300, 200) and photo.getpixel((5, 5)) == (120, 120, 120)
