"""The questions that people name on the command line: several data sets as one, or made from captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from encoders.errors import QuestionError, shown
from vqa.look import cleaned

from .readers.questions import read_questions
from .readers.records import Problems, QuestionRecord
from .readers.several import keep_apart


@dataclass(frozen=True)
class Questions:
    """Questions of one or several data sets.

    Attributes:
        formats: of each data set.
        problems: what was left out of all of them.
        made: splits that one of them did not have, made from its training photos.
        remarks: sentences on what was found, left out or made.
    """

    records: list[QuestionRecord]
    formats: list[str]
    remarks: list[str]
    problems: Problems
    made: tuple[str, ...]

    @property
    def format(self) -> str:
        return "+".join(self.formats)

    def split(self, name: str) -> list[QuestionRecord]:
        return [record for record in self.records if record.split == name]


def read_all(paths: Sequence[Path], format: str | None = None) -> Questions:
    """Read data sets of questions, or of captions, from which questions are then made.

    Questions too long to be asked are left out, and those of training photos that another of the sets holds out.

    Args:
        format: of all of them, as `read_questions` takes it; found by looking where None.

    Raises:
        DataError, SettingError: one of them cannot be read.
    """
    records, formats, remarks, problems, made = [], [], [], Problems(), set()
    for path in paths:
        found = read_questions(path, format)
        kept = [record for record in found.records if _can_be_asked(record, found.problems)]
        records += kept
        formats.append(found.format)
        remarks.append(f"{shown(path)}: {len(kept):,} questions ({found.format}).")
        remarks += [f"left out: {sentence}" for sentence in found.problems.sentences()]
        problems.merge(found.problems)
        made.update(found.made)
        if found.made:
            remarks.append(f"{shown(path)}: its {' and '.join(found.made)} split was made from training photos.")
    if len(paths) > 1:
        apart = Problems()
        records = keep_apart(records, apart)
        remarks += [f"left out: {sentence}" for sentence in apart.sentences()]
        problems.merge(apart)
    return Questions(records, formats, remarks, problems, tuple(sorted(made)))


def _can_be_asked(record: QuestionRecord, problems: Problems) -> bool:
    try:
        cleaned(record.question)
    except QuestionError:
        problems.add("questions are too long to be asked", record.question_id)
        return False
    return True
