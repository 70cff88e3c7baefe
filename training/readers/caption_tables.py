"""Captions in a table: CSV, TSV, JSON lines or a JSON list with `image` and `caption`, one caption a row.

So are Kaggle's `captions.txt`, BLIP's JSON and Roboflow's JSON lines. Optional column: `split` (train, val, test);
without it the file's name tells the split (`val.csv`), or the folder in the photo's name (`val/a.jpg`), else all of it
is for training. A cell may hold a list of captions, and several columns may hold one each. Photos are anywhere under
the folder. Other names of columns are given as `Columns`.
"""

from pathlib import Path, PurePosixPath

from runtime.errors import printable

from . import fiftyone
from .caption_list import CaptionList
from .cells import is_blank, parse_list, split_in, text_of
from .columns import USUAL, Columns, TableColumns
from .files import (
    TABLES,
    columns,
    explain_model_outputs,
    head,
    is_model_output,
    read_rows,
    tables_in,
    unread_parquet,
    unreadable_header,
)
from .image_folder import is_embedded
from .records import PhotoFile

LOOKED_FOR = "a CSV, TSV, JSONL, JSON list or captions.txt file with the columns image and caption"
METADATA = ("metadata.jsonl", "metadata.csv")  # read by imagefolder.py
WANTED = ("image", "captions")
_OF_QUESTIONS = {"question", "questions", "answer", "answers"}
_TABLES = (*TABLES, ".txt")


def recognise(path: Path, column_names: Columns = USUAL) -> list[Path]:
    """The tables of captions in a folder, or else in its sub-folders, or the one file; told by their columns."""
    return tables_in(path, _TABLES, lambda file: file.name not in METADATA and is_table(file, column_names))


def is_table(file: Path, column_names: Columns = USUAL) -> bool:
    """Whether a file has a column of photos and one of captions, and none of questions."""
    has = columns(file)
    found = column_names.match(has)
    of_questions = bool(has & _OF_QUESTIONS) and not column_names.captions
    return (
        bool(found.image and found.captions)
        and column_names.all_in(has)
        and not of_questions
        and not is_model_output(has)
    )


def missing_columns(path: Path, column_names: Columns = USUAL) -> str | None:
    """What the first table there lacks to be one of captions, in a sentence; None where there is none."""
    suffixes = _TABLES if path.is_file() else TABLES
    for file in tables_in(path, suffixes, lambda file: not is_model_output(columns(file))):
        if why := unreadable_header(file):
            return why
        has = columns(file)
        if has <= fiftyone.GIVEN and fiftyone.is_export(file, head(file)):
            return fiftyone.NO_TEXTS.format(printable(file))
        if len(has) > 1 and not (has & _OF_QUESTIONS and not column_names.named()):
            return column_names.explain_missing(WANTED, file.name, has)
    return explain_model_outputs(path) or unread_parquet(path)


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of one table. Raises DataError where it cannot be read."""
    folder = captions.photos.folder_of(file)
    split = split_in(file.stem) or split_in(captions.photos.folder_in_root(file))
    add_rows(file, captions, split=split, folder=folder)


def add_rows(
    file: Path, captions: CaptionList, *, split: str | None, folder: str = "", column_names: Columns | None = None
) -> None:
    """Every photo of a table, once, with the captions of all its rows.

    Args:
        split: of the rows that name none.
        folder: where the photos are, under the data set's folder; anywhere where it is empty.
        column_names: its columns, where they are not the data set's own.
    """
    column_names = column_names or captions.columns
    said: dict[tuple[str | PhotoFile, str | None], list] = {}
    for _, row in read_rows(file, captions.problems, column_names):
        found = column_names.match(row)
        image = row.get(found.image)
        if is_embedded(image) or (isinstance(image, str) and image.strip()):
            key = image if is_embedded(image) else image.strip(), _split(row.get(found.split), image, split)
            said.setdefault(key, []).extend(_captions(row, found))
        else:
            captions.photos.find_or_report(image, captions.problems)
    for (image, where), texts in said.items():
        key = f"{image.archive.name}/{image.member}" if is_embedded(image) else f"{folder}/{image}" if folder else image
        captions.add(image=image, image_id=key, captions=texts, split=where, folder=folder)


def _captions(row: dict, found: TableColumns) -> list:
    """Those of a row; of several columns, an empty one is none."""
    if len(found.captions) == 1:
        return [_text(caption) for caption in parse_list(row[found.captions[0]])]
    cells = [row[name] for name in found.captions if not is_blank(row[name])]
    return [_text(caption) for cell in cells for caption in parse_list(cell)] or [None]


def _text(caption: object) -> object:
    """A caption, of which some data sets say more than its text."""
    return caption.get("raw", caption.get("caption")) if isinstance(caption, dict) else caption


def _split(named: object, image: str | PhotoFile, otherwise: str | None) -> str | None:
    if is_blank(named):
        image = image.member if is_embedded(image) else image
        return otherwise or split_in(PurePosixPath(image.replace("\\", "/")).parent.as_posix()) or "train"
    return split_in(text_of(named) or "")
