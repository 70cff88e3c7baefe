"""Scores of answers, against the official definitions written out and against values worked by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import SettingError
from training.metrics import answers as metrics
from training.metrics.answers import (
    WuPalmer,
    answer_scores,
    expected_calibration_error,
    official_accuracy,
    plain_accuracy,
    wups,
)
from training.readers.records import QuestionRecord
from vqa.answers import normalise_answer


def leave_one_out(answers: list[str], given: str) -> float:
    """The official definition, step by step: each person is left out in turn."""
    if len(set(answers)) > 1:
        answers, given = [normalise_answer(a) for a in answers], normalise_answer(given)
    scores = []
    for i in range(len(answers)):
        others = answers[:i] + answers[i + 1 :]
        scores.append(min(1, others.count(given) / 3))
    return sum(scores) / len(scores)


ANSWER = st.sampled_from(["yes", "no", "Two", "2", "a dog", "dog", "red-brick", "red brick"])


@given(st.lists(ANSWER, min_size=4, max_size=10), ANSWER)
def test_official_accuracy_is_leave_one_out(answers, given):
    assert official_accuracy(answers, given) == pytest.approx(leave_one_out(answers, given))


@pytest.mark.parametrize(("agreeing", "score"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_official_accuracy_by_how_many_agree(agreeing, score):
    answers = ["yes"] * agreeing + [f"other {i}" for i in range(10 - agreeing)]
    assert official_accuracy(answers, "yes") == pytest.approx(score)


def test_unanimous_answers_are_compared_as_they_stand():
    assert official_accuracy(["two"] * 10, "2") == 0.0  # as the official code has it
    assert official_accuracy(["two"] * 9 + ["three"], "2") == 1.0
    assert official_accuracy(["two"] * 10, " two\n") == 1.0


def test_fewer_than_four_people():
    assert official_accuracy(["cat"], "Cat ") == 1.0
    assert official_accuracy(["cat", "cat"], "cat") == 1.0
    assert official_accuracy(["cat", "dog"], "cat") == 0.5
    assert official_accuracy(["cat", "cat", "dog"], "cat") == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_plain_accuracy_is_of_the_commonest_answer_or_the_first_item():
    assert plain_accuracy(["cat", "dog", "dog"], "dog") == 1.0
    assert plain_accuracy(["cat", "dog", "dog"], "cat") == 0.0
    assert plain_accuracy(["pillow, blanket"], "pillow") == 1.0
    assert plain_accuracy(["pillow, blanket"], "blanket") == 0.0


def similarity(a: str, b: str) -> float:
    """A small WordNet: sofa and couch are one, an armchair is near them."""
    near = {frozenset(("sofa", "couch")): 1.0, frozenset(("sofa", "armchair")): 0.86, frozenset(("sofa", "dog")): 0.4}
    return 1.0 if a == b else near.get(frozenset((a, b)), 0.0)


@pytest.mark.parametrize(
    ("true", "given", "at_09", "at_00"),
    [
        ("sofa", "sofa", 1, 1),
        ("sofa", "couch", 1, 1),
        ("sofa", "armchair", 0.086, 0.86),
        ("sofa", "zebra", 0, 0),
        ("sofa, dog", "sofa", 0.04, 0.4),  # min(1, 1 · m(dog, sofa)): an item that is not named costs
        ("sofa", "sofa, dog", 0.04, 0.4),
        ("sofa, dog", "dog, couch", 1, 1),  # order does not matter
        ("Sofa , dog", "dog,sofa", 1, 1),
        ("", "", 1, 1),
        ("sofa", "", 0, 0),
    ],
)
def test_wups_is_the_set_score_of_malinowski_and_fritz(true, given, at_09, at_00):
    assert wups(true, given, 0.9, similarity) == pytest.approx(at_09)
    assert wups(true, given, 0.0, similarity) == pytest.approx(at_00)


class Sense:
    """A noun sense whose similarity to another is given by their numbers."""

    def __init__(self, number):
        self.number = number

    def wup_similarity(self, other):
        return None if 0 in (self.number, other.number) else 1 / (1 + abs(self.number - other.number))


class SmallWordNet:
    def __init__(self):
        self.looked_up = []

    def synsets(self, word, pos="n"):
        self.looked_up.append(word)
        senses = {"bank": [Sense(1), Sense(5)], "river_bank": [Sense(6)], "thing": [Sense(0)], "dog": [Sense(3)]}
        return senses.get(word, [])


def test_wu_palmer_takes_the_closest_senses_and_looks_each_word_up_once():
    wordnet = SmallWordNet()
    closeness = WuPalmer(wordnet)
    assert closeness("bank", "river bank") == closeness("river bank", "bank") == 0.5  # senses 5 and 6
    assert wordnet.looked_up == ["bank", "river_bank"]
    assert closeness("bank", "unheard") == 0.0
    assert closeness("unheard", "unheard") == 1.0  # the same word, known or not
    assert closeness("thing", "bank") == 0.0  # no common ancestor


def record(answers: tuple[str, ...], kind: str = "") -> QuestionRecord:
    return QuestionRecord(Path("a.jpg"), "1", "what?", answers, "test", kind)


def test_answer_scores_overall_and_by_kind(monkeypatch):
    monkeypatch.setattr(WuPalmer, "load", lambda: similarity)
    records = [
        record(("yes",) * 10, "yes/no"),
        record(("red",) * 2 + ("blue",) * 8, "colour"),
        record(("sofa, dog",), "object"),
        record(("armchair",)),
        record((), "object"),  # a test question without an answer is left out
    ]
    scores = answer_scores(records, ["yes", "red", "sofa", "sofa", "zebra"])
    assert scores["questions"] == 4
    assert scores["accuracy"] == pytest.approx(100 * (1 + 0.6 + 1 + 0) / 4)
    assert scores["plain_accuracy"] == pytest.approx(100 * (1 + 0 + 1 + 0) / 4)
    assert scores["per_type"] == {"colour": pytest.approx(60), "object": 100, "yes/no": 100}
    assert scores["wups_0.9"] == pytest.approx(100 * (1 + 0 + 0.04 + 0.086) / 4)
    assert scores["wups_0.0"] == pytest.approx(100 * (1 + 0 + 0.4 + 0.86) / 4)


def test_answer_scores_without_wordnet_or_without_answers(monkeypatch):
    monkeypatch.setattr(WuPalmer, "load", lambda: None)
    scores = answer_scores([record(("yes",))], ["yes"])
    assert (scores["accuracy"], scores["wups_0.9"], scores["wups_0.0"]) == (100, None, None)
    assert answer_scores([record(())], ["yes"])["accuracy"] is None
    assert metrics.NO_WORDNET.count(".") >= 1 and "nltk" in metrics.NO_WORDNET


@pytest.mark.parametrize("fault", [LookupError("no data"), IndexError("a file cut short"), OSError("no access")])
def test_wordnet_that_is_absent_or_cut_short_gives_none(monkeypatch, fault):
    class Broken:
        def synsets(self, word):
            raise fault

    monkeypatch.setattr("nltk.corpus.wordnet", Broken())
    assert WuPalmer.load() is None
    monkeypatch.setattr("nltk.corpus.wordnet", SmallWordNet())
    assert WuPalmer.load()("bank", "dog") == pytest.approx(1 / 3)


def test_as_many_answers_as_questions_are_needed():
    with pytest.raises(ValueError, match="zip"):
        answer_scores([record(("yes",))], [])


def test_calibration_error_by_hand():
    confidence = [0.95, 0.95, 0.55, 0.05]
    correct = [1, 0, 1, 0]
    # bins of a tenth: |0.5 - 0.95| · 2/4 + |1 - 0.55| · 1/4 + |0 - 0.05| · 1/4
    assert expected_calibration_error(confidence, correct, bins=10) == pytest.approx(0.225 + 0.1125 + 0.0125)


def test_calibration_error_is_zero_where_probabilities_are_true_and_counts_halves():
    assert expected_calibration_error([0.5] * 4, [1, 0, 1, 0]) == pytest.approx(0.0)
    assert expected_calibration_error([0.6, 0.6], [0.9, 0.3]) == pytest.approx(0.0)  # VQA accuracies
    assert expected_calibration_error([1.0], [0]) == 1.0
    assert expected_calibration_error([0.0], [0]) == 0.0


def test_bins_are_closed_on_the_right():
    assert expected_calibration_error([0.5, 0.50001], [1, 0], bins=2) == pytest.approx((0.5 + 0.50001) / 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_one_bin_is_the_difference_of_the_means(pairs):
    confidence, correct = np.array(pairs).T
    assert expected_calibration_error(confidence, correct, bins=1) == pytest.approx(
        abs(confidence.mean() - correct.mean())
    )


@pytest.mark.parametrize(
    ("confidence", "correct", "bins", "fault"),
    [
        ([], [], 15, "at least one"),
        ([0.5], [1, 0], 15, "as many results"),
        ([0.5], [1], 0, "at least one bin"),
        ([1.5], [1], 15, "not its logits"),
        ([float("nan")], [1], 15, "not its logits"),
    ],
)
def test_what_cannot_be_measured_is_refused(confidence, correct, bins, fault):
    with pytest.raises(SettingError, match=fault):
        expected_calibration_error(confidence, correct, bins)
