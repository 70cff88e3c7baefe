"""Questions in a plain table: CSV, TSV, JSON lines or one JSON list, with the columns `image`, `question` and `answer`.

Optional columns: `split` (train, val, test), `type`, `question_id`. `image` is a name inside the table's folder. In
JSON `answer` may be a list of several people's answers, also spelt `answers`. A table without answers is a
test set; without a split column, the file's name tells the split (`val.csv`), else all of it is for training.
"""

from collections.abc import Callable
from pathlib import Path

from runtime.errors import DataError, shown

from .cells import is_blank, listed, split_in, split_of
from .checks import QuestionList
from .files import ROWS, columns, is_output, read_rows
from .image_folder import ImageFolder
from .records import Problems, QuestionRecord

NEEDED = ("image", "question")


def recognise(path: Path) -> list[Path]:
    """The tables of questions in a folder, or the one file, told by their columns."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.match("cocoqa*.jsonl"))  # read by cocoqa.py
    return [file for file in files if file.suffix.lower() in ROWS and _is_table(columns(file))]


def _is_table(has: set[str]) -> bool:
    return set(NEEDED) <= has and not is_output(has)


def read(path: Path, problems: Problems) -> list[QuestionRecord]:
    """All questions of the tables that `recognise` finds.

    Raises:
        DataError: the one file named is no such table.
    """
    files = recognise(path)
    if not files:
        has = ", ".join(sorted(columns(path))) or "no readable rows" if path.is_file() else "no such table"
        raise DataError(
            f"{shown(path)} has {shown(has)}; a table of questions has the columns image, question and answer."
        )
    questions = QuestionList(ImageFolder(path if path.is_dir() else path.parent), problems)
    for file in files:
        add_rows(file, questions)
    return questions.records


def add_rows(file: Path, questions: QuestionList, *, answer_of: Callable[[dict], object] | None = None) -> None:
    """Every row of one table. `answer_of` changes how a row's answer is read."""
    questions.begin(file)
    for number, row in read_rows(file, questions.problems):
        answer = answer_of(row) if answer_of else row.get("answer", row.get("answers"))
        questions.add(
            images=[row.get("image")],
            question_id=f"{file.stem}-{number}" if is_blank(row.get("question_id")) else row["question_id"],
            question=row.get("question"),
            answers=None if answer is None else [_text(item) for item in listed(answer)],
            split=split_of(row, split_in(file.stem) or "train"),
            kind=row.get("type", ""),
        )


def _text(answer: object) -> object:
    """An answer, of which VQA's own files say more than its text; NaN is none."""
    answer = answer.get("answer") if isinstance(answer, dict) else answer
    return "" if answer is not None and is_blank(answer) else answer
