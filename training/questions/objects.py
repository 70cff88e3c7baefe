"""Questions from object labels, such as COCO's boxes: which things a photo shows, how many, and where they are.

Unlike captions, labels tell what a photo does not show: each "yes" has a "no" to the same question about a photo of
the same split that has no such thing.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from runtime.errors import DataError
from training.readers.records import Dataset, ObjectLabel, ObjectRecord, QuestionRecord

from . import lexicon, words
from .balance import balance_answers
from .rules import GeneratedQuestion
from .yes_no import MAX_SHARE, Claim, question_text

SEEN = 0.01  # of the photo's area: what is smaller is asked about neither with "yes" nor with "no"
COUNTED = 0.002  # of the photo's area: where one of its kind is smaller, nobody is asked how many there are
MOST = 10  # things: nobody counts more
UNTOLD = {"person"}  # people would say more: a man, a woman
KINDS = {"animal", "vehicle", "food"}  # supercategories that people ask about


def questions_from_objects(records: Iterable[ObjectRecord], seed: int = 1) -> list[QuestionRecord]:
    """Question records from labelled photos, in their order, each with one answer and its photo's split.

    Args:
        seed: chooses wordings, and photos for the "no"s. The same labels and seed give the same questions.
    """
    rng = random.Random(seed)
    records = list(records)
    asked = [[a for rule in RULES for a in rule(record, rng)] for record in records]
    balance_answers(asked, rng)
    for i, question, answer in _yes_no(records, rng):
        asked[i].append(GeneratedQuestion(question, answer, "yes/no"))
    return [
        QuestionRecord(record.image, f"{record.image_id}-objects-{n}", a.question, (a.answer,), record.split, a.kind)
        for record, questions in zip(records, asked, strict=True)
        for n, a in enumerate(dict.fromkeys(questions))
    ]


def from_objects(dataset: Dataset, seed: int = 1) -> Dataset:
    """A data set of object labels as one of questions.

    Raises:
        DataError: the labels give no question.
    """
    questions = questions_from_objects(dataset.records, seed)
    if not questions:
        raise DataError(
            f"the object labels of {len(dataset.records)} photos give no question; label things that are large enough "
            "to be seen, a hundredth of the photo."
        )
    return replace(dataset, format=f"questions from {dataset.format}", records=questions)


def _yes_no(records: Sequence[ObjectRecord], rng: random.Random) -> Iterator[tuple[int, str, str]]:
    """(record's number, question, "yes" or "no"), as many "no" as "yes" for each thing and split.

    Half of the "no" are about photos that show something else of its kind: a cat, where a dog is asked for.
    """
    names, kinds = [record.names for record in records], [{o.kind for o in record.objects} for record in records]
    yes: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for i, record in enumerate(records):
        for name, kind in sorted({(label.name, label.kind) for label in record.objects if label.area >= SEEN}):
            yes[name, kind, record.split].append(i)
    most = max(20, round(MAX_SHARE * len(records)))
    for (name, kind, split), shown in yes.items():
        absent = [i for i, record in enumerate(records) if record.split == split and name not in names[i]]
        alike = [i for i in absent if kind in kinds[i]]
        pairs = min(len(shown), len(absent), most)
        no = set(rng.sample(alike, min(len(alike), pairs // 2)))
        no.update(rng.sample([i for i in absent if i not in no], pairs - len(no)))
        for answer, found in (("yes", rng.sample(shown, pairs)), ("no", no)):
            for i in sorted(found):
                yield i, question_text(Claim("thing", name), rng), answer


def number_questions(record: ObjectRecord, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """How many dogs are there? Where each is labelled, and large enough to be seen."""
    for name in sorted(record.names):
        labels = record.of(name)
        clear = name not in words.UNCOUNTED and len(labels) <= MOST and not any(label.crowd for label in labels)
        if clear and min(label.area for label in labels) >= COUNTED:
            many = lexicon.colloquial(name, many=True)
            question = rng.choice([f"How many {many} are there?", f"How many {many} are in the picture?"])
            yield GeneratedQuestion(question, str(len(labels)), "number", "number")


def kind_question(record: ObjectRecord, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What animal is this? Where the photo shows one kind of it."""
    for kind in sorted({label.kind for label in record.objects} & KINDS):
        names = {label.name for label in record.objects if label.kind == kind}
        if len(names) == 1 and max(label.area for label in record.of(*names)) >= SEEN:
            question = rng.choice(
                [f"What {kind} is this?", f"What {kind} is in the picture?", f"What kind of {kind} is it?"]
            )
            yield GeneratedQuestion(question, lexicon.colloquial(*names), "object", kind)


def beside_questions(record: ObjectRecord, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What is to the left of the dog? Where there is one dog, and one thing stands nearest on that side."""
    for name in sorted(record.names):
        labels = record.of(name)
        if len(labels) != 1 or labels[0].area < SEEN:
            continue
        for side, sign in (("left", -1), ("right", 1)):
            nearest = _nearest(labels[0], record.objects, sign)
            if nearest and nearest.name not in UNTOLD:
                the = lexicon.colloquial(name)
                question = rng.choice(
                    [f"What is on the {side} side of the {the}?", f"What is to the {side} of the {the}?"]
                )
                yield GeneratedQuestion(question, lexicon.colloquial(nearest.name), "object", "beside")


def largest_question(record: ObjectRecord, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What is the largest object? Where one is half as large again as every other."""
    by_size = sorted(record.objects, key=lambda label: -label.area)
    clear = by_size and by_size[0].area > 0.1 and (len(by_size) == 1 or by_size[0].area > 1.5 * by_size[1].area)
    if clear and by_size[0].name not in UNTOLD:
        yield GeneratedQuestion("What is the largest object?", lexicon.colloquial(by_size[0].name), "object", "largest")


def _nearest(of: ObjectLabel, among: Sequence[ObjectLabel], sign: int) -> ObjectLabel | None:
    """The thing beside another, on its left (-1) or right (1): at its height, its centre beyond the other's edge."""
    beside = [
        label
        for label in among
        if label.area >= SEEN
        and label.name != of.name
        and sign * (label.x - of.x) > of.width / 2
        and abs(label.y - of.y) < (label.height + of.height) / 2
    ]
    return min(beside, key=lambda label: abs(label.x - of.x), default=None)


RULES = [number_questions, kind_question, beside_questions, largest_question]
