"""The answerer over an engine that is no network, on a grid that is not square; and several requests at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from toys import COLOURS, SIDES, square
from vqa_toys import QUESTIONS, small_answerer

from encoders.images import Preprocessing
from encoders.text import UNK, Vocabulary
from runtime.errors import PhotoError, QuestionError, SettingError
from vqa import Answerer, AnswerSet

ROWS, COLS, SIDE = 2, 3, 48
CELLS = [(row, col) for row in range(ROWS) for col in range(COLS)]
ANSWERS = AnswerSet(tuple(f"row {row} column {col}" for row, col in CELLS))


class BrightestCell:
    """Answers every question with the brightest cell of the grid, or the first where it is asked blind."""

    image_size, grid, feature_size, glimpses = SIDE, (ROWS, COLS), 3, 1

    def encode(self, photos):
        cells = photos.reshape(len(photos), 3, ROWS, SIDE // ROWS, COLS, SIDE // COLS).mean((3, 5))
        return cells.reshape(len(photos), 3, -1).swapaxes(1, 2)

    def start(self, features):
        return features.sum(2).argmax(1)  # (P,)

    def answer(self, memory, tokens, lengths, blind=None):
        cell = np.broadcast_to(memory[:, None], lengths.shape)
        if blind is not None:
            cell = np.where(blind, 0, cell)
        p = np.eye(ROWS * COLS)[cell]
        return 9 * p, p[:, :, None]


@pytest.fixture
def model() -> Answerer:
    return Answerer(BrightestCell(), Vocabulary.build(["where does it shine"]), ANSWERS, Preprocessing(SIDE))


def shining(row: int, col: int) -> Image.Image:
    photo = Image.new("RGB", (SIDE, SIDE))
    height, width = SIDE // ROWS, SIDE // COLS
    photo.paste((255, 255, 255), (col * width, row * height, (col + 1) * width, (row + 1) * height))
    return photo


@pytest.mark.parametrize("row, col", CELLS)
def test_attention_lies_where_the_photo_is_bright(model, row, col):
    best, *others = model(shining(row, col), "where does it shine?")
    assert best.text == f"row {row} column {col}" and len(others) == 4
    assert best.attention.shape == (1, ROWS, COLS) and best.attention[0, row, col] == 1
    assert model.look(shining(row, col)).ask_all(["where?"], blind=True)[0][0].text == "row 0 column 0"


def test_the_call_is_a_look_and_a_question(model):
    photo = shining(1, 2)
    assert model(photo, "where?", top=2)[0].text == model.look(photo).ask("where?", top=2)[0].text
    assert len(model(photo, "where?", top=2)) == 2
    with pytest.raises(QuestionError, match="the question is empty"):
        model("nowhere.jpg", " ")
    with pytest.raises(PhotoError, match="does not exist"):
        model("nowhere.jpg", "where?")


def test_what_needs_pytorch_says_so(model, tmp_path):
    with pytest.raises(SettingError, match="does not run in PyTorch"):
        model.save(tmp_path / "model")
    with pytest.raises(SettingError, match="for photos of 48 pixels, the preprocessing makes 64"):
        Answerer(BrightestCell(), model.vocabulary, ANSWERS, Preprocessing(64))
    with pytest.raises(SettingError, match=r"shape \(1, 4, 3\), this model needs \(1, 6, 3\)"):
        model.look_at(np.zeros((1, 4, 3)))
    assert not model.shares_encoder_with(model) and not small_answerer().shares_encoder_with(model)
    assert model.vocabulary.encode("zebra") == [UNK]


def test_two_requests_at_once_give_what_one_after_the_other_gives():
    model = small_answerer(pooling="two-glimpses")
    photos = [square(colour, side) for colour in COLOURS for side in SIDES]
    shared = model.look(photos[0])
    jobs = [lambda photo=photo, q=q: model(photo, q)[0] for photo in photos for q in QUESTIONS]
    jobs += [lambda q=q: shared.ask(q)[0] for q in QUESTIONS * 3]
    expected = [job() for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for found, alone in zip(pool.map(lambda job: job(), jobs), expected, strict=True):
            assert found.text == alone.text and found.probability == pytest.approx(alone.probability, abs=1e-5)
            np.testing.assert_allclose(found.attention, alone.attention, atol=1e-5)
