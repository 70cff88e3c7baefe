"""Questions from object labels: what is there, how many, and where; and what is not there."""

from collections import Counter
from pathlib import Path

import pytest

from runtime.errors import DataError
from training.questions.objects import from_objects, questions_from_objects
from training.readers.records import Dataset, ObjectLabel, ObjectRecord, Problems

KINDS = {"dog": "animal", "cat": "animal", "bus": "vehicle", "cup": "kitchen", "chair": "furniture"}


def label(name: str, x=0.5, y=0.5, side=0.3, **more) -> ObjectLabel:
    return ObjectLabel(name, KINDS.get(name, ""), x, y, side, side, **more)


def photo(*labels: ObjectLabel, number: int = 0, split: str = "train") -> ObjectRecord:
    return ObjectRecord(Path(f"{number}.jpg"), str(number), labels, split)


CHAIRS = [
    photo(*[label("chair")] * count, number=100 + count) for count in range(2, 8)
]  # so that no number is commonest


def asked(*labels: ObjectLabel, kind: str | None = None) -> dict[str, str]:
    """What is asked of one photo, yes/no questions left out, in one wording."""
    found = questions_from_objects([photo(*labels), *CHAIRS])
    return {
        r.question.replace("in the picture", "there").replace("on the left side", "to the left"): r.answers[0]
        for r in found
        if r.image.stem == "0" and r.kind != "yes/no" and kind in (None, r.kind)
    }


# ---- one photo


@pytest.mark.parametrize(
    ("labels", "counts"),
    [
        ([label("dog")] * 3, {"dogs": "3"}),
        ([label("dog"), label("dog"), label("cup")], {"dogs": "2", "cups": "1"}),
        ([label("person")] * 2, {"people": "2"}),
        ([label("dog")] * 11, {}),  # nobody counts so many
        ([label("dog"), label("dog", crowd=True)], {}),
        ([label("dog"), label("dog", side=0.01)], {}),  # too small to be seen
        ([label("broccoli")], {}),
    ],
)
def test_things_are_counted_where_each_can_be_seen(labels, counts):
    assert asked(*labels, kind="number") == {f"How many {things} are there?": n for things, n in counts.items()}


def test_the_kind_of_an_animal_is_asked_where_there_is_one_kind():
    def animals(*labels):
        found = questions_from_objects([photo(*labels), *[photo(label("cat"), number=i) for i in (1, 2)]])
        return [r.answers[0] for r in found if r.image.stem == "0" and "animal" in r.question]

    assert animals(label("dog"), label("dog"), label("bus")) == ["dog"]
    assert animals(label("dog"), label("cat")) == animals(label("dog", side=0.05)) == animals(label("cup")) == []


def test_what_stands_beside_a_thing():
    row = [label("cup", x=0.1, side=0.2), label("dog", x=0.5, side=0.2), label("chair", x=0.8, side=0.2)]
    found = asked(*row)
    left = {q.replace("on the right side", "to the right"): a for q, a in found.items()}
    assert left["What is to the left of the dog?"] == "cup" and left["What is to the right of the dog?"] == "chair"
    assert left["What is to the right of the cup?"] == "dog"  # the nearest one
    assert "What is to the left of the cup?" not in left
    low = asked(label("dog", y=0.1, side=0.15), label("cup", x=0.2, y=0.9, side=0.15))
    assert not any("left" in question for question in low)  # not at its height
    assert not any("left" in q for q in asked(label("person", x=0.1, side=0.2), label("dog", side=0.2)))  # man? woman?
    assert not any("of the dog" in q for q in asked(*row, label("dog", x=0.9, side=0.2)))  # which dog?


def test_the_largest_thing_is_asked_where_it_is_clear():
    def largest(*labels):
        found = questions_from_objects([photo(*labels), photo(label("cat", side=0.6), number=1)])
        return [r.answers[0] for r in found if r.image.stem == "0" and "largest" in r.question]

    assert largest(label("dog", side=0.6), label("cup")) == ["dog"]
    assert largest(label("dog", side=0.31), label("cup", side=0.3)) == largest(label("dog", side=0.2)) == []
    assert largest(label("person", side=0.6)) == []


# ---- yes and no


def yes_no(records) -> list[tuple[str, str, str, str]]:
    """(photo, split, thing, answer)."""
    names = {"dog": "dog", "cat": "cat", "bus": "bus", "skis": "skis", "broccoli": "broccoli"}
    return [
        (r.image.stem, r.split, next(name for name in names if name in r.question.lower()), r.answers[0])
        for r in questions_from_objects(records)
        if r.kind == "yes/no"
    ]


def test_every_yes_has_a_no_about_a_photo_of_its_split():
    records = [
        photo(label("dog" if i % 3 == 0 else "bus"), number=i, split="val" if i % 4 == 0 else "train")
        for i in range(24)
    ]
    found = yes_no(records)
    counts = Counter((split, thing, answer) for _, split, thing, answer in found)
    for split in ("train", "val"):
        for thing in ("dog", "bus"):
            assert counts[split, thing, "yes"] == counts[split, thing, "no"] > 0
    for number, split, thing, answer in found:
        record = records[int(number)]
        assert record.split == split and (thing in record.names) == (answer == "yes")


def test_half_of_the_nos_show_something_of_the_same_kind():
    records = [photo(label("dog"), number=i) for i in range(10)]
    records += [photo(label("cat"), number=10 + i) for i in range(10)]
    records += [photo(label("bus"), number=20 + i) for i in range(200)]
    no = [int(number) for number, _, thing, answer in yes_no(records) if (thing, answer) == ("dog", "no")]
    assert len(no) == 10 and sum(number < 20 for number in no) >= 5


def test_a_thing_too_small_to_be_seen_is_neither_there_nor_missing():
    records = [photo(label("dog", side=0.05), number=1), photo(label("dog"), number=2), photo(label("bus"), number=3)]
    assert all(number != "1" for number, _, thing, _ in yes_no(records) if thing == "dog")
    assert {number for number, _, thing, _ in yes_no(records) if thing == "dog"} == {"2", "3"}


@pytest.mark.parametrize(("thing", "words"), [("skis", "any skis"), ("broccoli", "any broccoli")])
def test_what_has_no_singular_is_asked_for_as_people_do(thing, words):
    records = [photo(label(thing if i % 2 else "bus"), number=i) for i in range(20)]
    found = [r.question for r in questions_from_objects(records) if thing in r.question and r.kind == "yes/no"]
    assert found and all(words in question for question in found)


# ---- a data set


def test_a_data_set_keeps_its_splits_and_its_seed():
    records = [photo(label("dog" if i % 2 else "bus"), number=i, split="val" if i < 6 else "train") for i in range(20)]
    data = Dataset("coco objects", records, Problems(), ("val",))
    made = from_objects(data)
    assert (made.format, made.made) == ("questions from coco objects", ("val",))
    assert {record.split for record in made.records} == {"train", "val"}
    assert from_objects(data).records == made.records != from_objects(data, seed=2).records
    assert len({record.question_id for record in made.records}) == len(made.records)


def test_labels_that_give_no_question_are_one_sentence():
    with pytest.raises(DataError, match="object labels of 1 photos give no question; label things that are large"):
        from_objects(Dataset("coco objects", [photo(label("dog", side=0.01))], Problems()))
