"""Answers as strings: normalised like the official evaluation, worth what it says, and gathered to a set."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import DataError, SettingError
from vqa.answers import CONTRACTIONS, AnswerSet, best_answer, comparison, items, normalise_answer, soft_scores, tidy

TEN = ["yes"] * 7 + ["no"] * 2 + ["Maybe."]


@pytest.mark.parametrize(
    ("answer", "official"),
    [  # what vqaEval.py of GT-Vision-Lab/VQA gives for these
        ("A red car.", "red car"),
        ("the THE a an", ""),
        ("two", "2"),
        ("None", "0"),
        ("eleven", "eleven"),
        ("dont know", "don't know"),
        ("couldnt've", "couldn't've"),
        ("shed've", "she'd've"),
        ("lets go", "lets go"),  # the official table has let's -> let's
        ("somebody'd", "somebodyd"),
        ("red-brick", "red brick"),
        ("red - brick", "red brick"),
        ("black, white", "black white"),
        ("1,000", "1000"),
        ("1,000-2", "10002"),  # a comma between digits deletes every mark
        ("yes/no", "yes no"),
        ("3.5", "3.5"),
        ("3.", "3"),
        (".5", ".5"),
        ("U.S.A.", "usa"),
        ("." * 33, "."),  # the flag that became a count
        ("  two\tdogs\n", "2 dogs"),
    ],
)
def test_normalisation_is_the_official_one(answer, official):
    assert normalise_answer(answer) == official


def test_the_contractions_are_as_many_as_the_official_table_can_change():
    assert len(CONTRACTIONS) == 114
    assert CONTRACTIONS["y'alld've"] == "y'all'd've"
    assert CONTRACTIONS["ow's'at"] == "'ow's'at"


@given(st.text(max_size=40))
def test_normalised_answers_have_single_spaces_and_no_articles(text):
    words = normalise_answer(text).split(" ")
    assert words == [""] or ("" not in words and not {"a", "an", "the"} & set(words))


def test_unanimous_answers_are_not_normalised_and_others_are():
    assert comparison(["Two"] * 10)("Two") == "Two"
    assert comparison(["Two"] * 9 + ["three"])("Two") == "2"
    assert comparison(["Two"])("A  Two ") == "a two"


def test_soft_scores_of_ten_people():
    assert soft_scores(TEN) == {"yes": 1.0, "no": pytest.approx(2 / 3), "maybe": pytest.approx(1 / 3)}
    assert soft_scores(["Yes"] * 10) == {"Yes": 1.0}
    assert soft_scores(["the", "a", "dog", "dog", "dog"]) == {"dog": 1.0}  # what is only an article is no answer


def test_soft_scores_of_few_people():
    assert soft_scores([]) == {}
    assert soft_scores(["Garbage  Bin"]) == {"garbage bin": 1.0}
    assert soft_scores(["cat", "dog"]) == {"cat": 0.5, "dog": 0.5}
    assert soft_scores(["cat", "cat"]) == {"cat": 1.0}


def test_several_items_behind_commas_are_taught_by_the_first():
    assert items("Pillow, blanket ,lamp") == ("pillow", "blanket", "lamp")
    assert items("1,000") == ("1,000",)
    assert items(" , ") == ()
    assert soft_scores(["pillow, blanket"]) == {"pillow": 1.0}
    assert soft_scores([" , "]) == {}
    assert tidy("Fire  Extinguisher") == "fire extinguisher"


def test_best_answer():
    assert best_answer(TEN) == "yes"
    assert best_answer(["b", "a", "a", "b"]) == "b"  # of a tie the first
    assert best_answer(["pillow, blanket"]) == "pillow"
    assert best_answer([]) is None


QUESTIONS = [("red",), ("red",), ("blue",), ("blue",), ("blue",), ("green",), ()]


def test_a_set_is_built_best_first_by_number_or_count():
    assert AnswerSet.build(QUESTIONS).to_list() == ["blue", "red", "green"]
    assert AnswerSet.build(QUESTIONS, top=1).to_list() == ["blue"]
    assert AnswerSet.build(QUESTIONS, min_count=2).to_list() == ["blue", "red"]
    assert AnswerSet.build([TEN, TEN, TEN], min_count=1).to_list() == ["yes", "no", "maybe"]  # three thirds are one
    assert AnswerSet.build([("b",), ("a",)]).to_list() == ["a", "b"]  # the same whatever order the files came in


def test_a_set_of_none_is_refused_in_one_sentence():
    with pytest.raises(DataError, match=r"none of 3 different answers was given 9 times; .* smaller minimum count\.$"):
        AnswerSet.build(QUESTIONS, min_count=9)
    with pytest.raises(DataError, match="none of 0"):
        AnswerSet.build([(), ()])


@pytest.mark.parametrize(
    ("answers", "fault"), [((), "is empty"), (("a", "a"), "names 'a' twice"), (("",), "holds ''"), ((3,), "holds 3")]
)
def test_a_damaged_set_is_refused(answers, fault):
    with pytest.raises(SettingError, match=fault):
        AnswerSet(answers)


def test_a_set_of_one_answer_works():
    one = AnswerSet(("yes",))
    assert len(one) == 1 and one.index("yes") == 0 and one.targets(TEN) == {0: 1.0}


def test_coverage_is_the_best_that_can_be_reached():
    red_and_blue = AnswerSet(("red", "blue"))
    assert red_and_blue.coverage(QUESTIONS) == pytest.approx(5 / 6)  # the question without answers is left out
    assert AnswerSet(("no",)).coverage([TEN]) == pytest.approx(2 / 3)
    assert red_and_blue.coverage([]) == 0.0


def test_targets_name_the_places_of_what_is_worth_something():
    answers = AnswerSet(("maybe", "yes", "purple"))
    assert answers.targets(TEN) == {0: pytest.approx(1 / 3), 1: 1.0}
    assert answers.targets(["violet"]) == {}


def test_growing_keeps_the_old_places():
    old = AnswerSet(("green", "red"))
    grown = old.extend([("blue",), ("blue",), ("red",), ("pink",)])
    assert grown.to_list() == ["green", "red", "blue", "pink"]
    assert old.extend([("blue",), ("blue",), ("pink",)], min_count=2).to_list() == ["green", "red", "blue"]
    assert old.extend([("blue",), ("blue",), ("pink",)], top=1).to_list() == ["green", "red", "blue"]
    assert old.extend([]) == old


def test_a_set_survives_json_and_knows_its_members():
    answers = AnswerSet.build(QUESTIONS)
    again = AnswerSet.from_list(json.loads(json.dumps(answers.to_list())))
    assert again == answers
    assert [again[again.index(a)] for a in again] == list(again) == ["blue", "red", "green"]
    assert "red" in again and "grey" not in again and again.index("grey") is None


@pytest.mark.shared_data
def test_daquar_answers_of_several_items(shared_data):
    from training.readers.questions import read_questions

    answers = [r.answers for r in read_questions(shared_data / "daquar").split("train")]
    several = sum(len(items(a[0])) > 1 for a in answers) / len(answers)
    assert 0.05 < several < 0.15
    assert AnswerSet.build(answers).coverage(answers) == 1.0
