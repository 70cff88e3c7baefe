"""The questions that people name on the command line: several data sets as one, or made from captions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.errors import DataError, QuestionError, SettingError, printable
from training.questions.generate import from_captions
from training.questions.objects import from_objects
from training.readers import files_by_format, read_captions
from training.readers.coco_objects import labels_in, read_objects
from training.readers.columns import USUAL, Columns
from training.readers.questions import FORMATS, formats_of, read_questions
from training.readers.records import Dataset, Problems, QuestionRecord
from training.readers.several import data_set_names, drop_held_out
from vqa.question import clean_question

CAPTIONS, OBJECTS = "captions", "objects"  # the formats of questions that are made of these


@dataclass(frozen=True)
class Questions:
    """Questions of one or several data sets.

    Attributes:
        formats: of each data set.
        problems: what was left out of all of them.
        made: splits that one of them did not have, made from its training photos.
        unused: photos of their folders that no row names.
        remarks: sentences on what was found, left out or made.
    """

    records: list[QuestionRecord]
    formats: list[str]
    remarks: list[str]
    problems: Problems
    made: tuple[str, ...]
    unused: tuple[str, ...] = ()

    @property
    def format(self) -> str:
        return "+".join(self.formats)

    def split(self, name: str) -> list[QuestionRecord]:
        return [record for record in self.records if record.split == name]


def read_all(
    paths: Sequence[Path],
    format: str | None = None,
    *,
    generate: bool = False,
    seeds: int = 1,
    columns: Columns = USUAL,
) -> Questions:
    """Read data sets of questions, or of captions, from which questions are then made.

    Questions too long to be asked are left out, and those of training photos that another of the sets holds out.

    Args:
        format: of all of them, as `read_or_generate` takes it; found by looking where None.
        generate: make questions from captions also where a data set has questions and captions.
        seeds: make the questions of training photos' captions with so many seeds.
        columns: of their tables, where they have other names than the usual ones.

    Raises:
        DataError, SettingError: one of them cannot be read.
    """
    records, formats, remarks, problems, made, unused = [], [], [], Problems(), set(), []
    for path, name in zip(paths, data_set_names(paths), strict=True):
        found = read_or_generate(path, format, generate=generate, seeds=seeds, columns=columns)
        kept = [record for record in found.records if _can_be_asked(record, found.problems)]
        records += [replace(record, data_set=name) for record in kept] if len(paths) > 1 else kept
        formats.append(found.format)
        remarks.append(f"{printable(path)}: {len(kept):,} questions ({found.format}).")
        remarks += [f"left out: {sentence}" for sentence in found.problems.sentences()]
        problems.merge(found.problems)
        made.update(found.made)
        unused += found.unused
        if found.made:
            remarks.append(f"{printable(path)}: its {' and '.join(found.made)} split was made from training photos.")
    if len(paths) > 1 or generate:
        left_out = Problems()
        records = drop_held_out(records, left_out)
        remarks += [f"left out: {sentence}" for sentence in left_out.sentences()]
        problems.merge(left_out)
    return Questions(records, formats, remarks, problems, tuple(sorted(made)), tuple(unused))


def read_or_generate(
    path: str | Path,
    format: str | None = None,
    *,
    generate: bool = False,
    seeds: int = 1,
    columns: Columns = USUAL,
) -> Dataset:
    """The questions of one data set, or, where it has none, questions made from its captions and object labels.

    Args:
        format: as `read_questions` takes it, or "captions" or "objects" to make questions of these alone.
        generate: make questions from captions and object labels besides those that are there.
        seeds: make the questions of training photos' captions with so many seeds (`from_captions`).

    Raises:
        DataError, SettingError: as `read_questions` does, or the captions, or the labels, give no question.
    """
    path, known = Path(path), (*FORMATS, CAPTIONS, OBJECTS)
    if format is not None and format not in known:
        raise SettingError(f"format {format!r} is not known; choose one of {', '.join(known)}.")
    if format == CAPTIONS:
        return from_captions(read_captions(path, columns=columns), seeds)
    if format == OBJECTS:
        return from_objects(read_objects(path))
    asked = format is not None or not path.exists() or bool(formats_of(path, columns))
    people = read_questions(path, format, columns) if asked else None
    found = {people.format: people} if people else {}
    if generate or not asked:
        if files_by_format(path, columns):
            captions = read_captions(path, columns=columns)
            try:
                found[CAPTIONS] = from_captions(captions, seeds)
            except DataError:
                if not people:
                    raise
                people.problems.add("captions of data sets give no question", str(path))
        if labels_in(path):
            found[OBJECTS] = _from_objects(read_objects(path), [*found.values()])
    return _together(found) if found else read_questions(path, format, columns)  # which says what is wrong


def _from_objects(labelled: Dataset, found: Sequence[Dataset]) -> Dataset:
    """Questions made from object labels. Beside others, of training photos only: what is held out stays what people
    said."""
    if not found:
        return from_objects(labelled)
    split_of = {record.image: record.split for part in found for record in part.records}
    records = [replace(record, split=split_of.get(record.image, record.split)) for record in labelled.records]
    return from_objects(replace(labelled, records=[record for record in records if record.split == "train"], made=()))


def _together(found: dict[str, Dataset]) -> Dataset:
    """The questions about the photos of one folder, by where they are from, as one data set."""
    parts, problems = list(found.values()), Problems()
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        problems.merge(part.problems)
    made = tuple(sorted({split for part in parts for split in part.made}))
    return Dataset("+".join(found), [record for part in parts for record in part.records], problems, made)


def _can_be_asked(record: QuestionRecord, problems: Problems) -> bool:
    try:
        clean_question(record.question)
    except QuestionError:
        problems.add("questions are too long to be asked", record.question_id)
        return False
    return True
