"""Digits read in glimpses and drawn row by row."""

from random import Random

import pytest
import torch
from PIL import Image

from examples.digits import GLIMPSES, Drawer, Reader, draw, recognised, train
from made import SIDE, digits


@pytest.fixture(scope="module")
def data():
    return digits(1000, Random(1))


@pytest.fixture(scope="module")
def reader(data):
    torch.manual_seed(0)
    reader = Reader(cell="gru")
    train(reader, *data, updates=150)
    return reader


def test_a_few_glimpses_name_the_digit(reader):
    right = recognised(reader, *digits(200, Random(2)))
    assert len(right) == GLIMPSES and right[-1] > 0.6


def test_drawn_digits_are_those_asked_for(data, reader, tmp_path):
    torch.manual_seed(0)
    drawer = Drawer(cell="gru", hidden_size=96)
    wanted = torch.arange(10).repeat(20)
    assert recognised(reader, drawer.draw(wanted), wanted)[-1] < 0.25
    train(drawer, *data, updates=200)
    drawn = drawer.draw(wanted, temperature=0.3)
    assert recognised(reader, drawn, wanted)[-1] > 0.35  # by chance a tenth
    draw(reader, data[0][:4], drawn[:20], wanted[:20], tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.size == (1100, 520)


def test_each_glimpse_looks_somewhere_and_the_state_chooses_where(data, reader):
    _, looked = reader(data[0][:8])
    assert torch.allclose(looked.sum(dim=2), torch.ones(8, GLIMPSES))
    assert not torch.allclose(looked[:, 0], looked[:, -1], atol=1e-2)


def test_a_row_is_made_from_the_rows_above_it_alone():
    drawer, wanted = Drawer(cell="lstm", hidden_size=8), torch.tensor([3, 4])
    rows = torch.rand(2, SIDE, SIDE).round()
    changed = rows.clone()
    changed[:, 9:] = 1 - changed[:, 9:]
    before, after = drawer(rows, wanted)[0], drawer(changed, wanted)[0]
    assert torch.equal(before[:, :9], after[:, :9]) and not torch.equal(before[:, 9], after[:, 9])


def test_digits_are_ink_or_none(data):
    pictures, labels = data
    assert pictures.shape == (1000, SIDE, SIDE) and set(pictures.unique().tolist()) == {0.0, 1.0}
    assert sorted(set(labels.tolist())) == list(range(10)) and pictures.flatten(1).sum(dim=1).min() > 5
