"""Questions in a table: CSV, TSV, JSON lines or one JSON list, with the columns `image`, `question` and `answer`.

So are VizWiz-VQA (Gurari et al. 2018), VQA-RAD (Lau et al. 2018) and SLAKE (Liu et al. 2021), as they are published.
Optional columns: `split` (train, val, test), `type`, `question_id`. In JSON `answer` may be a list of several people's
answers, also spelt `answers`. A table without answers is a test set; without a split column, the file's name tells the
split (`val.csv`), else all of it is for training. Other names of columns are given as `Columns`.
"""

from collections.abc import Callable
from pathlib import Path

from runtime.errors import DataError, printable

from .cells import is_blank, parse_list, split_in, text_of
from .columns import USUAL, Columns
from .files import (
    TABLES,
    columns,
    explain_model_outputs,
    is_model_output,
    read_rows,
    tables_in,
    unread_parquet,
    unreadable_header,
)
from .question_list import QuestionList

WANTED = ("image", "question")
_PHRASES = {"freeform", "para", "test_freeform", "test_para"}  # VQA-RAD's phrase_type, which tells its test set too


def recognise(path: Path, column_names: Columns = USUAL) -> list[Path]:
    """The tables of questions in a folder, or else in its sub-folders, or the one file; told by their columns."""
    files = tables_in(path, TABLES, lambda file: _is_table(columns(file), column_names))
    return [file for file in files if path.is_file() or not file.match("cocoqa*.jsonl")]  # read by cocoqa.py


def _is_table(has: set[str], column_names: Columns) -> bool:
    found = column_names.match(has)
    return bool(found.image and found.question) and column_names.all_in(has) and not is_model_output(has)


def missing_columns(path: Path, column_names: Columns = USUAL) -> str | None:
    """What the first table there lacks to be one of questions, in a sentence; None where there is none."""
    for file in tables_in(path, TABLES, lambda file: not is_model_output(columns(file))):
        if why := unreadable_header(file):
            return why
        has = columns(file)
        if len(has) > 1:
            return column_names.explain_missing(WANTED, file.name, has)
    return explain_model_outputs(path) or unread_parquet(path)


def read(path: Path, questions: QuestionList) -> None:
    """All questions of the tables that `recognise` finds.

    Raises:
        DataError: the one file named is no such table.
    """
    files = recognise(path, questions.columns)
    if not files:
        has = ", ".join(sorted(columns(path))) or "no readable rows" if path.is_file() else "no such table"
        raise DataError(
            missing_columns(path, questions.columns)
            or f"{printable(path)} has {printable(has)}; a table of questions has the columns image, question and "
            "answer."
        )
    for file in files:
        add_rows(file, questions)


def add_rows(file: Path, questions: QuestionList, *, answer_of: Callable[[dict], object] | None = None) -> None:
    """Every row of one table. `answer_of` changes how a row's answer is read."""
    questions.start_file(file)
    folder = questions.photos.folder_of(file)
    split = split_in(file.stem) or split_in(questions.photos.folder_in_root(file)) or "train"
    for number, row in read_rows(file, questions.problems, questions.columns):
        found = questions.columns.match(row)
        answer = answer_of(row) if answer_of else row.get(found.answer)
        image = row.get(found.image)
        questions.add(
            images=[f"{folder}/{image}", image] if folder and isinstance(image, str) else [image],
            question_id=f"{file.stem}-{number}" if is_blank(row.get(found.id)) else row[found.id],
            question=row.get(found.question),
            answers=None if answer is None else [_text(item) for item in parse_list(answer)],
            split=_split(row, row.get(found.split), split),
            kind=row.get(found.kind, ""),
        )


def _split(row: dict, named: object, otherwise: str) -> str | None:
    """The split of a row: what it names, None where that is no split; `otherwise` where it names nothing."""
    if not is_blank(named):
        return split_in(text_of(named) or "")
    phrase = row.get("phrase_type")
    return "test" if isinstance(phrase, str) and phrase in _PHRASES and phrase.startswith("test") else otherwise


def _text(answer: object) -> object:
    """An answer, of which VQA's own files say more than its text; NaN is none.

    "None" may be what somebody answered: only a CSV file, which has no word for it, cannot mean that.
    """
    answer = answer.get("answer") if isinstance(answer, dict) else answer
    return "" if is_blank(answer) and answer not in (None, "None") else answer
