"""The captioner over an engine that is no network: three functions are enough, and rows are never taken for columns."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from captioner import Captioner, SearchSettings
from encoders.images import Preprocessing
from encoders.text import END, SPECIALS, Vocabulary
from runtime.errors import SettingError

ROWS, COLS, SIDE = 2, 3, 48
WORDS = Vocabulary((*SPECIALS, *(f"cell{n}" for n in range(ROWS * COLS)), "shines"))


@dataclass
class Decoding:
    brightest: np.ndarray  # (B,), a cell
    length: int = 0
    p: np.ndarray | None = None

    def __len__(self):
        return len(self.brightest)

    def select(self, rows):
        return Decoding(self.brightest[rows.flatten()], self.length, self.p)


class BrightestCell:
    """Says which cell of the grid is brightest: "cell4 shines". Offers what an engine must, and nothing else."""

    image_size, grid = SIDE, (ROWS, COLS)

    def encode(self, photos):
        cells = photos.reshape(len(photos), 3, ROWS, SIDE // ROWS, COLS, SIDE // COLS).mean((3, 5))
        return cells.reshape(len(photos), 3, -1).swapaxes(1, 2)

    def start(self, features):
        assert features.shape[1:] == (ROWS * COLS, 3)
        return Decoding(features.sum(2).argmax(1))

    def step(self, tokens, state):
        shines, end = WORDS.ids["shines"], END
        word = (len(SPECIALS) + state.brightest, np.full_like(tokens, shines), np.full_like(tokens, end))
        logits = 9.0 * np.eye(len(WORDS))[word[min(state.length, 2)]]
        return logits, Decoding(state.brightest, state.length + 1, np.eye(ROWS * COLS)[state.brightest])


def shining(row: int, col: int) -> Image.Image:
    photo = Image.new("RGB", (SIDE, SIDE))
    height, width = SIDE // ROWS, SIDE // COLS
    photo.paste((255, 255, 255), (col * width, row * height, (col + 1) * width, (row + 1) * height))
    return photo


@pytest.fixture
def model() -> Captioner:
    return Captioner(BrightestCell(), WORDS, Preprocessing(SIDE))


@pytest.mark.parametrize("how", [SearchSettings(), SearchSettings(beam=1), SearchSettings(sample=True, top_k=1)])
def test_attention_lies_where_the_photo_is_bright_in_a_grid_that_is_not_square(model, how):
    cells = [(row, col) for row in range(ROWS) for col in range(COLS)]
    for (row, col), caption in zip(cells, model([shining(*cell) for cell in cells], how), strict=True):
        assert caption.text == f"cell{row * COLS + col} shines"
        assert caption.attention.shape == (2, ROWS, COLS)
        assert (caption.attention[:, row, col] == 1).all() and caption.attention.sum() == 2


def test_what_needs_pytorch_says_so(model, tmp_path):
    with pytest.raises(SettingError, match="does not run in PyTorch"):
        model.save(tmp_path / "model")
    with pytest.raises(SettingError, match="for photos of 48 pixels, the preprocessing makes 64"):
        Captioner(BrightestCell(), WORDS, Preprocessing(64))
