"""Questions in a plain table: CSV, TSV, JSON lines or one JSON list, with the columns `image`, `question` and `answer`.

Optional columns: `split` (train, val, test), `type`, `question_id`. `image` is a name inside the table's folder. In
JSON `answer` may be a list of several people's answers, also spelt `answers`. A table without answers is a
test set; without a split column, the file's name tells the split (`val.csv`), else all of it is for training.
"""

from collections.abc import Callable
from pathlib import Path

from runtime.errors import DataError, shown

from .checks import QuestionList, split_in
from .files import ROWS, columns, read_rows
from .image_folder import ImageFolder
from .records import Problems, QuestionRecord

NEEDED = ("image", "question")


def recognise(path: Path) -> list[Path]:
    """The tables of questions in a folder, or the one file, told by their columns."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.match("cocoqa*.jsonl"))  # read by cocoqa.py
    return [file for file in files if file.suffix.lower() in ROWS and set(NEEDED) <= columns(file)]


def read(path: Path, problems: Problems) -> list[QuestionRecord]:
    """All questions of the tables that `recognise` finds.

    Raises:
        DataError: the one file named is no such table.
    """
    files = recognise(path)
    if not files:
        has = ", ".join(sorted(columns(path))) or "no readable rows" if path.is_file() else "no such table"
        raise DataError(f"{shown(path)} has {has}; a table of questions has the columns image, question and answer.")
    questions = QuestionList(ImageFolder(path if path.is_dir() else path.parent), problems)
    for file in files:
        add_rows(file, questions)
    return questions.records


def add_rows(file: Path, questions: QuestionList, *, answer_of: Callable[[dict], object] | None = None) -> None:
    """Every row of one table. `answer_of` changes how a row's answer is read."""
    for number, row in read_rows(file, questions.problems):
        answer = answer_of(row) if answer_of else row.get("answer", row.get("answers"))
        questions.add(
            images=[row.get("image")],
            question_id=row.get("question_id") or f"{file.stem}-{number}",
            question=row.get("question"),
            answers=answer if isinstance(answer, list) else None if answer is None else [answer],
            split=_split(row, file),
            kind=row.get("type", ""),
        )


def _split(row: dict, file: Path) -> str:
    named = row.get("split")
    return (split_in(named) if isinstance(named, str) else None) or split_in(file.stem) or "train"
