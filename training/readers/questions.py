"""Any data set of questions, whichever format it has: recognised by its files, read to one list of records."""

from pathlib import Path

from runtime.errors import DataError, SettingError, printable

from . import cocoqa, daquar, easy_vqa, gqa, tables, vqa_official
from .columns import USUAL, Columns
from .files import model_outputs_in
from .image_folder import ImageFolder
from .inside import open_data_set
from .question_list import QuestionList
from .records import Dataset, Problems, QuestionRecord
from .splits import with_missing_splits

FORMATS = {
    "vqa": vqa_official,
    "cocoqa": cocoqa,
    "daquar": daquar,
    "easy-vqa": easy_vqa,
    "gqa": gqa,
    "table": tables,
}


def read_questions(path: str | Path, format: str | None = None, columns: Columns = USUAL) -> Dataset:
    """Read a data set of questions.

    Args:
        path: its folder, or one of its files. A folder that holds several data sets about the same photos (COCO has
            VQA and COCO-QA) is read to one; its `format` then names them with a plus.
        format: one of `FORMATS`; recognised where None.
        columns: of a table, where they have other names than the usual ones.

    Returns:
        A Dataset of QuestionRecord. What was left out, and why, is in its `problems`; a val or test split that was
        not there is made from training photos, and named in `made`.

    Raises:
        SettingError: there is no such format.
        DataError: nothing there is a data set of questions, a file of it is damaged, or no question is usable.
    """
    if format is not None and format not in FORMATS:
        raise SettingError(f"format {format!r} is not known; choose one of {', '.join(FORMATS)}.")
    with open_data_set(Path(path), columns.strip_prefix) as (place, photos):
        return _read(place, photos, format, columns)


def _read(path: Path, photos: ImageFolder, format: str | None, columns: Columns) -> Dataset:
    if not path.exists():
        raise DataError(f"{printable(path)} does not exist; check the spelling of the path.")
    problems = Problems()
    records: list[QuestionRecord] = []
    names = [format] if format else _formats_of(path, columns)
    if not names:
        raise DataError(
            tables.missing_columns(path, columns)
            or f"{printable(path)} is no data set of questions that is known; give a folder of VQA JSON, COCO-QA, "
            "DAQUAR, easy-VQA or GQA, a CSV or JSONL file with the columns image, question and answer, or captions."
        )
    for file in model_outputs_in(path):
        problems.add("files are what a model said, and nothing to learn from", file.name)
    for name in names:
        questions = QuestionList(photos, problems, columns)
        FORMATS[name].read(path, questions)
        records += questions.records
    if not records:
        why = "; ".join(problems.sentences()) or "no question was found"
        raise DataError(f"{printable(path)} gives no question that can be used ({why}); mend that first.")
    records, made = with_missing_splits(records)
    return Dataset("+".join(names), records, problems, made, tuple(photos.unused()))


def formats_of(path: Path, columns: Columns = USUAL) -> list[str]:
    """The formats of the questions there, by their names in `FORMATS`; none where there are no questions."""
    with open_data_set(path) as (place, _):
        return _formats_of(place, columns)


def _formats_of(path: Path, columns: Columns) -> list[str]:
    if columns.named():
        return ["table"] if tables.recognise(path, columns) else []
    found = [name for name, reader in FORMATS.items() if reader.recognise(path)]
    return found[:1] if path.is_file() else found  # COCO-QA's JSON lines are a table too: read them once
