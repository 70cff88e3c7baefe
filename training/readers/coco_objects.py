"""COCO's object labels (Lin et al. 2014), and data sets made in its shape: one JSON of boxes a split.

`{"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "category_id", "bbox",
"iscrowd"}], "categories": [{"id", "name", "supercategory"}]}`, in files named `instances_train2014.json` and the like.
A box is left, top, width and height, in pixels. Photos are found as those of captions (`readers/coco.py`).
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runtime.errors import DataError, printable

from .cells import plain_id, split_in
from .coco import list_in, with_ids
from .files import read_json
from .image_folder import ImageFolder
from .inside import open_data_set
from .records import SPLITS, Dataset, ObjectLabel, ObjectRecord, Problems
from .splits import with_missing_splits


def labels_in(path: Path) -> bool:
    """Whether a folder has files of object labels."""
    with open_data_set(path) as (place, _):
        return bool(_files(place))


def _files(path: Path) -> list[Path]:
    """Those of a folder and its sub-folders, or the one that a path names."""
    files = [path] if path.is_file() else [*path.glob("*.json"), *path.glob("*/*.json")]
    return sorted(file for file in files if file.name.lower().startswith("instances"))


def read_objects(path: str | Path) -> Dataset:
    """A data set of object labels: a Dataset of ObjectRecord, one a photo, those in which nothing is labelled included.

    Raises:
        DataError: there are no such files, or one is not JSON, or not of this shape.
    """
    problems, found = Problems(), {}
    with open_data_set(Path(path)) as (place, photos):
        for record in (record for file in _files(place) for record in _read(file, photos, problems)):
            known = found.setdefault(record.image, record)
            if known is not record:  # a photo tested on must not be trained on
                problems.add("images are labelled twice and count once", record.image.name)
                found[record.image] = replace(known, split=max(known.split, record.split, key=SPLITS.index))
    if not found:
        why = "; ".join(problems.sentences()) or "looked for COCO JSON files named instances*.json"
        raise DataError(f"{printable(path)} has no object labels that can be used ({why}).")
    records, made = with_missing_splits(list(found.values()))
    return Dataset("coco objects", records, problems, made)


def _read(file: Path, photos: ImageFolder, problems: Problems) -> Iterator[ObjectRecord]:
    content, named, labels = read_json(file), {}, defaultdict(list)
    images, annotations, categories = (
        list_in(content, name, file, "a file of object labels") for name in ("images", "annotations", "categories")
    )
    for key, row in with_ids(categories, "id", "categories", problems):
        named[key] = row
    for key, row in with_ids(annotations, "image_id", "labels", problems):
        labels[key].append(row)
    split, folder = split_in(file.stem) or "train", file.stem.removeprefix("instances_")
    for key, image in with_ids(images, "id", "images", problems):
        name = image.get("file_name")
        inside = photos.find(f"{folder}/{name}") if isinstance(name, str) else None
        photo = inside or photos.find_or_report(name, problems)
        if photo is not None:
            found = (_label(row, named, image, problems) for row in labels[key])
            yield ObjectRecord(photo, key, tuple(filter(None, found)), split)


def _label(row: dict, categories: dict[str, dict], image: dict, problems: Problems) -> ObjectLabel | None:
    category = categories.get(plain_id(row.get("category_id")), {})
    name, kind = category.get("name"), category.get("supercategory")
    try:
        left, top, width, height = (float(number) for number in row.get("bbox"))
        across, down = float(image.get("width")), float(image.get("height"))
        box = (left + width / 2) / across, (top + height / 2) / down, width / across, height / down
    except (TypeError, ValueError, ArithmeticError):
        box = (math.nan,)
    if not isinstance(name, str) or not all(map(math.isfinite, box)) or min(box[2:]) < 0:
        problems.add("labels have no category or no box", row.get("id"))
        return None
    return ObjectLabel(name, kind if isinstance(kind, str) else "", *box, bool(row.get("iscrowd")))
