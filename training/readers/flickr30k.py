"""Flickr30k (Young et al. 2014): `results.csv`, or `flickr_annotations_30k.csv`, which has Karpathy's splits too.

A line of `results.csv` is `1000092795.jpg| 0| Two young guys stand .`, under the header `image_name| comment_number|
comment`; nothing in it is quoted. `flickr_annotations_30k.csv` has one photo a row: `raw` (a list of captions),
`sentids`, `split`, `filename` and `img_id`. The photos may be anywhere under the folder.
"""

import re
from pathlib import Path

from .caption_list import CaptionList, UniqueIds
from .caption_tables import add_rows
from .columns import Columns
from .files import columns, head, read_text
from .records import Problems

LOOKED_FOR = "Flickr30k's results.csv or flickr_annotations_30k.csv"
_HEADER = re.compile(rb"\s*image_name\s*\|\s*comment_number\s*\|\s*comment\s*\n")
_LINE = re.compile(r"([^|]+)\|\s*(\d+)\s*\|(.*)")


def recognise(path: Path) -> list[Path]:
    """The one such file of a folder and its sub-folders, rather the one with splits; or the file that a path names."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".csv" and (_is_piped(path) or _has_splits(path)) else []
    files = [*sorted(path.glob("*.csv")), *sorted(path.glob("*/*.csv"))]
    return next(([file] for known in (_has_splits, _is_piped) for file in files if known(file)), [])


def _is_piped(file: Path) -> bool:
    return _HEADER.match(head(file)) is not None


def _has_splits(file: Path) -> bool:
    return {"raw", "filename", "split"} <= columns(file)


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of one file. Raises DataError where it cannot be read."""
    if not _is_piped(file):
        add_rows(file, captions, split="train", column_names=Columns(captions=("raw",)))
        return
    for image, texts in _captions_of_each(file, captions.problems).items():
        captions.add(image=image, image_id=image, captions=texts, split="train")


def _captions_of_each(file: Path, problems: Problems) -> dict[str, list[str]]:
    """Image name -> its captions."""
    captions_by_image: dict[str, list[str]] = {}
    first = UniqueIds("caption ids are given twice", problems)
    for number, line in enumerate(read_text(file).split("\n")[1:], start=2):
        match = _LINE.fullmatch(line)
        if match and first(f"{match[1].strip()}#{match[2]}"):
            captions_by_image.setdefault(match[1].strip(), []).append(match[3])
        elif not match and line.strip():
            problems.add("lines are not an image, a number and a caption with | between", f"{file.name} line {number}")
    return captions_by_image
