"""Dates in words -> ISO dates: attention finds the words, one vector alone does not carry them so soon."""

from datetime import date

import pytest
import torch
from PIL import Image

from examples.translation import FORMS, LENGTH, Dates, Translator, alignment, corpus, draw, in_words, train


@pytest.fixture(scope="module")
def dates():
    return Dates.make(3000, seed=1)


def make(dates, **settings) -> Translator:
    torch.manual_seed(0)
    return Translator(len(dates.words), len(dates.characters), **settings)


@pytest.fixture(scope="module")
def translator(dates):
    model = make(dates, attention=True)
    return model, train(model, dates, updates=200, every=200, held_out=200)[-1]


def test_attention_learns_dates_it_was_not_shown_and_looks_at_the_right_words(dates, translator, tmp_path):
    model, right = translator
    assert right > 0.9
    text = "the seventh of may nineteen eighty six"
    written, p = alignment(model, dates, text)
    assert written == "1986-05-07" and p.shape == (LENGTH, 7)
    words = text.split()
    assert [words[p[t].argmax()] for t in (3, 6, 9)] == ["six", "may", "seventh"]  # the last digits of each part
    draw({"with attention": [0.5, 1.0]}, written, text, p, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.size == (1100, 440)


def test_without_attention_the_same_updates_do_not_do(dates, translator):
    model = make(dates, attention=False)
    assert train(model, dates, updates=100, every=100, held_out=200)[-1] < 0.2 < translator[1]
    assert model(dates.source[:2])[1] is None


def test_left_alone_it_writes_what_it_would_if_forced_with_its_own_characters(dates):
    model = make(dates, attention=True)
    free, looked = model(dates.source[:3])
    forced, _ = model(dates.source[:3], free.argmax(dim=2))
    assert torch.equal(free, forced)
    assert torch.allclose(looked.sum(dim=2), torch.ones(3, LENGTH))


@pytest.mark.parametrize("day, words", [
    (date(1994, 3, 3), "thursday the third of march nineteen ninety four"),
    (date(2005, 2, 20), "sunday the twentieth of february two thousand and five"),
    (date(2031, 12, 31), "wednesday the thirty first of december twenty thirty one"),
    (date(1912, 8, 12), "monday the twelfth of august nineteen twelve"),
    (date(2040, 1, 1), "sunday the first of january twenty forty"),
])  # fmt: skip
def test_dates_are_spelled_as_they_are_said(day, words):
    assert in_words(day, FORMS[2]) == words


def test_no_day_comes_twice():
    days = [day for _, day in corpus(2000, seed=3)]
    assert len(set(days)) == len(days) > 1900
