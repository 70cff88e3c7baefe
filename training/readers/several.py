"""Several data sets as one: their records together, and no photo held out by one that another trains on."""

import contextlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from runtime.errors import DataError, printable

from . import read_captions
from .columns import USUAL, Columns
from .records import CaptionRecord, Dataset, PhotoFile, Problems, QuestionRecord

Record = TypeVar("Record", CaptionRecord, QuestionRecord)

_HELD_OUT = ("val", "test")
_COCO_NAME = re.compile(r"(?:COCO_(?:train|val|test)20\d\d_)?(\d{12})$")
HELD_OUT_ELSEWHERE = "training photos are left out, because another data set holds them out"


def read_several(paths: Sequence[Path], format: str | None = None, columns: Columns = USUAL) -> Dataset:
    """Read data sets of captions as one; each record names its own set in `data_set`.

    Raises:
        DataError: one of them cannot be read, or two are the same folder.
        SettingError: there is no such format.
    """
    names = data_set_names(paths)
    records, formats, problems, made, unused = [], [], Problems(), set(), []
    for path, name in zip(paths, names, strict=True):
        found = read_captions(path, format, columns)
        records += [replace(record, data_set=name) for record in found.records] if len(paths) > 1 else found.records
        formats.append(found.format)
        problems.merge(found.problems)
        made.update(found.made)
        unused += found.unused
    if len(paths) > 1:  # within one data set, it is for its owner to mend
        records = drop_held_out(records, problems)
    return Dataset("+".join(formats), records, problems, tuple(sorted(made)), tuple(unused))


def data_set_names(paths: Sequence[Path]) -> list[str]:
    """A short name for each data set: its folder's, with as many parents as tell it from the others."""
    full = [Path(path).resolve() for path in paths]
    twice = [path for path, count in Counter(full).items() if count > 1]
    if twice:
        raise DataError(f"{printable(twice[0])} is given twice; give each data set once.")
    depth = 1
    while len({path.parts[-depth:] for path in full}) < len(full):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in full]


def drop_held_out(records: Sequence[Record], problems: Problems, *, held_out: Iterable[PhotoFile] = ()) -> list[Record]:
    """The records without those of training photos that are held out elsewhere: in another record, or in `held_out`.

    Two files are the same photo when their bytes are, or when their names carry the same COCO id.

    Args:
        problems: what was left out is added here.
    """
    outside = {record.image for record in records if record.split in _HELD_OUT} | set(held_out)
    trained = {record.image for record in records if record.split == "train"}
    same = _photo_keys(outside | trained)
    held = {key for path in outside for key in same[path]}
    dropped = {path for path in trained if not held.isdisjoint(same[path])}
    for path in sorted(dropped, key=str):
        problems.add(HELD_OUT_ELSEWHERE, path.name)
    return [record for record in records if record.split != "train" or record.image not in dropped]


def coco_id(path: PhotoFile) -> int | None:
    """The COCO id that a photo's name carries, as `COCO_train2014_000000000042.jpg` or `000000000042.jpg` do."""
    found = _COCO_NAME.match(path.stem)
    return int(found[1]) if found else None


def _photo_keys(paths: Iterable[PhotoFile]) -> dict[PhotoFile, set[Hashable]]:
    """The keys of each file; two files of the same photo share one. A file of a size of its own is not read."""
    paths = list(paths)
    sizes = {path: path.stat().st_size if path.is_file() else None for path in paths}
    alike = Counter(sizes.values())
    unknown = 0 in alike  # the size of a photo that is not known before it is read
    keys: dict[PhotoFile, set[Hashable]] = {}
    for path in paths:
        keys[path] = {path} | ({coco_id(path)} - {None})
        if sizes[path] is not None and (unknown or alike[sizes[path]] > 1):
            with contextlib.suppress(OSError):
                keys[path].add(blake2b(path.read_bytes(), digest_size=16).digest())
    return keys
