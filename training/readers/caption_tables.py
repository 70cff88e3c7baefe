"""Captions in a plain table: CSV, TSV, JSON lines or a JSON list with `image` and `caption`, one caption a row.

So are Kaggle's `captions.txt` and BLIP's JSON. Optional column: `split` (train, val, test); without it the file's name
tells the split (`val.csv`), or the folder in the photo's name (`val/a.jpg`), else all of it is for training. A cell may
hold a list of captions. Photos are anywhere under the folder.
"""

from pathlib import Path, PurePosixPath

from .caption_list import CaptionList
from .cells import is_blank, listed, split_in, text_of
from .files import ROWS, columns, is_output, read_rows

LOOKED_FOR = "a CSV, TSV, JSONL, JSON list or captions.txt file with the columns image and caption"
METADATA = ("metadata.jsonl", "metadata.csv")  # read by imagefolder.py
_IMAGE = ("file_name", "image", "filename", "image_name", "image_path")  # the first that a row has
_CAPTION = ("caption", "captions", "text", "comment")
_OF_QUESTIONS = {"question", "questions", "answer", "answers"}
_TABLES = (*ROWS, ".txt")


def recognise(path: Path) -> list[Path]:
    """The tables of captions in a folder, or the one file, told by their columns."""
    files = [path] if path.is_file() else sorted(path.glob("*"))
    readable = [file for file in files if file.suffix.lower() in _TABLES and file.name not in METADATA]
    return [file for file in readable if is_table(file)]


def is_table(file: Path) -> bool:
    """Whether a file has a column of photos and one of captions, and none of questions."""
    has = columns(file)
    said = bool(has.intersection(_IMAGE) and has.intersection(_CAPTION)) and not has & _OF_QUESTIONS
    return said and not is_output(has)


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of one table. Raises DataError where it cannot be read."""
    add_rows(file, captions, split=split_in(file.stem))


def add_rows(
    file: Path, captions: CaptionList, *, split: str | None, folder: str = "", said_in: tuple[str, ...] = _CAPTION
) -> None:
    """Every photo of a table, once, with the captions of all its rows.

    Args:
        split: of the rows that name none.
        folder: where the photos are, under the data set's folder; anywhere where it is empty.
        said_in: the columns that may hold the captions; the first that a row has.
    """
    said: dict[tuple[str, str | None], list] = {}
    for _, row in read_rows(file, captions.problems):
        image = _first(row, _IMAGE)
        if isinstance(image, str) and image.strip():
            said.setdefault((image.strip(), _split(row, image, split)), []).extend(listed(_first(row, said_in)))
        else:
            captions.photos.find_or_report(image, captions.problems)
    for (image, where), texts in said.items():
        key = f"{folder}/{image}" if folder else image
        captions.add(image=image, image_id=key, captions=texts, split=where, folder=folder)


def _first(row: dict, names: tuple[str, ...]) -> object:
    return next((row[name] for name in names if name in row), None)


def _split(row: dict, image: str, otherwise: str | None) -> str | None:
    if is_blank(row.get("split")):
        return otherwise or split_in(PurePosixPath(image.replace("\\", "/")).parent.as_posix()) or "train"
    return split_in(text_of(row["split"]) or "")
