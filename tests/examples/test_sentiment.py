"""Sentiment of short reviews: the state knows what the words alone do not."""

import random

import pytest
import torch
from PIL import Image

from encoders.text import Vocabulary
from examples.sentiment import BagOfWords, Reader, accuracy, draw, tensors, train, word_by_word
from made import clause, review, some_reviews


@pytest.fixture(scope="module")
def data():
    learnt, held_out = some_reviews(1500, seed=1)
    vocabulary = Vocabulary.build(text for text, _ in learnt)
    return vocabulary, tensors(learnt, vocabulary), tensors(held_out, vocabulary)


@pytest.fixture(scope="module")
def reader(data):
    torch.manual_seed(1)
    reader = Reader(len(data[0]))
    train(reader, *data[1], updates=200)
    return reader


def test_the_reader_learns_negation_and_a_bag_of_words_cannot(data, reader):
    vocabulary, learnt, held_out = data
    bag = BagOfWords(len(vocabulary))
    train(bag, *learnt, updates=200)
    assert accuracy(reader, *held_out) > 0.95 and accuracy(bag, *held_out) < 0.6
    for text, good in (("the plot was dull", 0), ("the plot was not dull", 1), ("nobody will call the cast funny", 0)):
        assert round(word_by_word(reader, vocabulary, text)[-1]) == good


def test_the_figure_is_drawn(data, reader, tmp_path):
    draw(reader, data[0], tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.size == (1100, 330)


def test_nothing_that_is_tested_was_learnt_from():
    learnt, held_out = (dict(part) for part in some_reviews(500, seed=2))
    assert (len(learnt), len(held_out)) == (500, 100) and not learnt.keys() & held_out.keys()


def test_labels_are_those_of_the_grammar():
    rng = random.Random(3)
    for _ in range(50):
        text, is_good = clause(rng)
        bad_word = any(word in text.split() for word in "bad dull awful stupid boring weak".split())
        denied = "not" in text.split() or text.startswith("nobody")
        assert is_good == (bad_word == denied)


@pytest.mark.parametrize("link, counts", [("", 0), ("but", 1), ("though", 0)])
def test_the_clause_that_counts_is_the_one_the_link_says(monkeypatch, link, counts):
    clauses = [("a", True), ("b", False)]
    left = iter(clauses)
    monkeypatch.setattr("made.clause", lambda rng: next(left))
    rng = random.Random()
    monkeypatch.setattr(rng, "choice", lambda links: link)
    text, is_good = review(rng)
    assert text == (f"a {link} b" if link else "a") and is_good == clauses[counts][1]
