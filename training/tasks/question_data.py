"""The questions that people name on the command line: several data sets as one, or made from captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import QuestionError, SettingError, printable
from training.questions.generate import from_captions
from training.readers import files_by_format, read_captions
from training.readers.columns import USUAL, Columns
from training.readers.questions import FORMATS, formats_of, read_questions
from training.readers.records import Dataset, Problems, QuestionRecord
from training.readers.several import drop_held_out
from vqa.question import clean_question

CAPTIONS = "captions"  # the format of questions that are made from captions


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
    paths: Sequence[Path], format: str | None = None, *, generate: bool = False, columns: Columns = USUAL
) -> Questions:
    """Read data sets of questions, or of captions, from which questions are then made.

    Questions too long to be asked are left out, and those of training photos that another of the sets holds out.

    Args:
        format: of all of them, as `read_or_generate` takes it; found by looking where None.
        generate: make questions from captions also where a data set has questions and captions.
        columns: of their tables, where they have other names than the usual ones.

    Raises:
        DataError, SettingError: one of them cannot be read.
    """
    records, formats, remarks, problems, made, unused = [], [], [], Problems(), set(), []
    for path in paths:
        found = read_or_generate(path, format, generate=generate, columns=columns)
        kept = [record for record in found.records if _can_be_asked(record, found.problems)]
        records += kept
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
    path: str | Path, format: str | None = None, *, generate: bool = False, columns: Columns = USUAL
) -> Dataset:
    """The questions of one data set, or, where it has captions only, questions made from these.

    Args:
        format: as `read_questions` takes it, or "captions" to make questions and leave those that are there.
        generate: make questions from captions, where it has them, besides those that are there.

    Raises:
        DataError, SettingError: as `read_questions` does, or the captions give no question.
    """
    if format is not None and format not in (*FORMATS, CAPTIONS):
        raise SettingError(f"format {format!r} is not known; choose one of {', '.join((*FORMATS, CAPTIONS))}.")
    if format == CAPTIONS or (format is None and _are_captions_only(Path(path), columns)):
        return from_captions(read_captions(path, columns=columns))
    found = read_questions(path, format, columns)
    return _with_generated(found, path, columns) if generate and files_by_format(Path(path), columns) else found


def _with_generated(found: Dataset, path: str | Path, columns: Columns) -> Dataset:
    made = from_captions(read_captions(path, columns=columns))
    problems = Problems()
    for part in (found.problems, made.problems):
        problems.merge(part)
    splits = tuple(sorted({*found.made, *made.made}))
    return Dataset(f"{found.format}+{CAPTIONS}", found.records + made.records, problems, splits)


def _are_captions_only(path: Path, columns: Columns) -> bool:
    return path.exists() and not formats_of(path, columns) and bool(files_by_format(path, columns))


def _can_be_asked(record: QuestionRecord, problems: Problems) -> bool:
    try:
        clean_question(record.question)
    except QuestionError:
        problems.add("questions are too long to be asked", record.question_id)
        return False
    return True
