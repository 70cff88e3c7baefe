"""Dates in words -> ISO dates: attention finds the words, one vector alone does not carry them so soon."""

from datetime import date

import pytest
import torch
from PIL import Image

from examples.translation import EVERY, LENGTH, Translator, draw, encoded, train
from made import FORMS, in_words, some_dates


@pytest.fixture(scope="module")
def dates():
    """Sentences and dates as texts, as ids, and the sizes of their vocabularies."""
    sentences, days = zip(*some_dates(3000, seed=1), strict=True)
    (source, words), (target, characters) = encoded(sentences, "word"), encoded(days, "character")
    return sentences, days, source, target, (len(words), len(characters))


def make(dates, **settings) -> Translator:
    torch.manual_seed(0)
    return Translator(*dates[-1], **settings)


@pytest.fixture(scope="module")
def translator(dates):
    model = make(dates, attention=True)
    return model, train(model, *dates[2:4], updates=200, held_out=200)


@torch.no_grad()
def test_attention_learns_dates_it_was_not_shown_and_looks_at_the_right_words(dates, translator, tmp_path):
    model, scores = translator
    assert scores[-1] > 0.9 and len(scores) == 200 // EVERY
    sentences, days, source, target, _ = dates
    logits, p = model(source[:200])  # held out
    right = (logits.argmax(dim=2) == target[:200]).all(dim=1)
    row = next(n for n in range(200) if right[n] and len(read := sentences[n].split()) == 7 and read[0] == "the")
    assert [read[p[row, t].argmax()] for t in (3, 6, 9)] == [read[6], read[3], read[1]]  # the last digits of each part
    draw({"with attention": [0.5, 1.0]}, days[row], read, p[row, :, :7], tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.size == (1100, 440)


def test_without_attention_the_same_updates_do_not_do(dates, translator):
    model = make(dates, attention=False)
    assert train(model, *dates[2:4], updates=100, held_out=200)[-1] < 0.2 < translator[1][-1]
    assert model(dates[2][:2])[1] is None


def test_left_alone_it_writes_what_it_would_if_forced_with_its_own_characters(dates):
    model = make(dates, attention=True)
    free, looked = model(dates[2][:3])
    forced, _ = model(dates[2][:3], free.argmax(dim=2))
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
    days = [day for _, day in some_dates(2000, seed=3)]
    assert len(set(days)) == len(days) > 1900
