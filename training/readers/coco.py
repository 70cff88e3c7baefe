"""COCO captions (Chen et al. 2015), and data sets made in its shape: one JSON of images and annotations a split.

`{"images": [{"id", "file_name"}], "annotations": [{"id", "image_id", "caption"}]}`. The split is in the file's name:
`captions_train2014.json`. Photos may be anywhere under the folder; where it has one named after the file
(`train2014/`), the photos are looked for in that. VizWiz-Captions (Gurari et al. 2020) is in this shape, in files named
`train.json` and so on, as is FiftyOne's `labels.json`: files of other names are told by what is in them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import DataError, printable

from . import fiftyone
from .caption_list import CaptionList, UniqueIds
from .cells import plain_id, split_in, text_of
from .files import head, read_json, tail
from .records import Problems

_SET_ASIDE = ("is_rejected", "is_precanned")  # VizWiz: as spam, or as one sentence for all photos that show nothing
LOOKED_FOR = "COCO JSON files named captions*.json"


def recognise(path: Path) -> list[Path]:
    """The captions files of a folder and its sub-folders, or the one file that a path names, whatever its name."""
    if path.is_file():
        start = head(path)
        known = "caption" in path.name.lower() or re.search(rb'"(file_name|caption)"\s*:', start)
        known = known and not fiftyone.is_export(path, start)
        return [path] if known and path.suffix.lower() == ".json" and _may_be_coco(start) else []
    files = sorted([*path.glob("*.json"), *path.glob("*/*.json")])
    named = [file for file in files if "caption" in file.name.lower() and recognise(file)]
    return named or [file for file in files if _has_captions(file)]


def _has_captions(file: Path) -> bool:
    """Whether a file is one object with images and captions, by its beginning and its end."""
    start = head(file)
    return (
        re.match(rb'\s*\{\s*"', start) is not None
        and not fiftyone.is_export(file, start)
        and _may_be_coco(start)
        and re.search(rb'"(images|annotations)"\s*:\s*\[', start) is not None
        and re.search(rb'"caption"\s*:', start + tail(file)) is not None
    )


def _may_be_coco(start: bytes) -> bool:
    """Not a list (a model's results), nor Karpathy's JSON, nor what `python -m captioner --json` wrote."""
    return not start.lstrip().startswith(b"[") and b'"sentences"' not in start and b'"log_prob"' not in start


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of one captions file. Raises DataError where it is not JSON, or not of this shape."""
    content = read_json(file)
    images, annotations = (list_in(content, name, file, "a captions file") for name in ("images", "annotations"))
    captions_by_image = _captions_of_each(annotations, captions.problems)
    first = UniqueIds("image ids are given twice", captions.problems)
    split, folder = split_in(file.stem) or "train", file.stem.removeprefix("captions_")
    for key, row in with_ids(images, "id", "images", captions.problems):
        if first(key):
            name = row.get("file_name")
            inside = "" if isinstance(name, str) and "/" in name else folder
            captions.add(image=name, image_id=key, captions=captions_by_image.pop(key, ()), split=split, folder=inside)
    for key in captions_by_image:
        captions.problems.add("image ids of captions are not listed", key)


def list_in(content: object, name: str, file: Path, wanted: str) -> list:
    """The list of that name in what a file holds.

    Raises:
        DataError: there is none; give `wanted` instead.
    """
    if not isinstance(content, dict) or not isinstance(content.get(name), list):
        raise DataError(f"{printable(file)} has no list of {name}; give {wanted} in COCO's shape.")
    return content[name]


def _captions_of_each(annotations: list, problems: Problems) -> dict[str, list]:
    """Image id -> its captions."""
    captions_by_image: dict[str, list] = {}
    first = UniqueIds("caption ids are given twice", problems)
    for image, row in with_ids(annotations, "image_id", "captions", problems):
        if any(row.get(mark) is True for mark in _SET_ASIDE):
            problems.add("captions are set aside by the data set itself", image)
        elif first(text_of(row.get("id"))):
            captions_by_image.setdefault(image, []).append(row.get("caption"))
    return captions_by_image


def with_ids(rows: list, name: str, what: str, problems: Problems) -> Iterator[tuple[str, dict]]:
    """(id, row) of each row that is an object with an id; the others are counted."""
    for row in rows:
        key = plain_id(row.get(name)) if isinstance(row, dict) else None
        if key:
            yield key, row
        else:
            problems.add(f"{what} are not in the right form", repr(row)[:80])
