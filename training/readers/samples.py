"""Rows of the archives that WebDataset reads: `000123.jpg` beside `000123.txt`, `000123.json` or `000123.cls`.

Files of one name are one sample: its photo, in place, in the column `image`; the lines of a `.txt` or `.caption` as
`caption`; what a `.json` holds, or each object of a list in it; a `.cls` as `cls`. Texts are told by their suffixes.
"""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath

from encoders.archives import ArchivedFile, list_archive
from runtime.errors import DataError

from .columns import IMAGES
from .records import Problems

_LINES = (".txt", ".caption")
_TEXTS = (*_LINES, ".json", ".cls")
_LOOKED_AT = 1000  # files of an archive, to tell whether there are samples in it


def columns(archive: Path) -> set[str]:
    """The columns of the first sample that has any text; none where there is no such sample near the beginning.

    Raises:
        DataError: a tar is damaged at its beginning. (A zip that is may lie there for any reason.)
    """
    try:
        status = archive.stat()
        return _columns(archive, status.st_size, status.st_mtime_ns)
    except (DataError, OSError):
        if archive.suffix.lower() == ".tar":
            raise
        return set()


@lru_cache(maxsize=4096)
def _columns(archive: Path, size: int, time: int) -> set[str]:
    samples = _rows(islice(_whole(archive, Problems()), _LOOKED_AT), Problems())
    return next((set(row) for row in samples if len(row) > 1), set())


def rows(archive: Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    """The samples of an archive, as (number, row).

    Raises:
        DataError: nothing in it can be read. What is whole before a damage is read, and the damage counted.
    """
    yield from enumerate(_rows(_whole(archive, problems), problems), start=1)


def _whole(archive: Path, problems: Problems) -> Iterator[ArchivedFile]:
    read = 0
    try:
        for file in list_archive(archive):
            read += 1
            yield file
    except DataError:
        if not read:
            raise
        problems.add("archives are cut short, and read as far as they are whole", archive.name)


def _rows(files: Iterable[ArchivedFile], problems: Problems) -> Iterator[dict]:
    photos: list[tuple[str, ArchivedFile]] = []
    texts: dict[str, list[ArchivedFile]] = {}
    for file in files:
        path = PurePosixPath(file.member)
        key, suffix = str(path.with_suffix("")) if path.name else "", path.suffix.lower()
        if suffix in _TEXTS:
            texts.setdefault(key, []).append(file)
        elif file.is_photo():
            photos.append((key, file))
    for key, photo in photos:
        yield from _rows_of(photo, texts.get(key, ()), problems)


def _rows_of(photo: ArchivedFile, texts: Iterable[ArchivedFile], problems: Problems) -> Iterator[dict]:
    columns_of_all, objects = {"image": photo}, [{}]
    for file in texts:
        suffix = PurePosixPath(file.member).suffix.lower()
        try:
            text = file.read_bytes().decode("utf-8-sig", "replace")
        except OSError:
            problems.add("texts in an archive are damaged", file.member)
            continue
        if suffix in _LINES:
            columns_of_all["caption"] = [line for line in text.splitlines() if line.strip()]
        elif suffix == ".json":
            objects = _objects(text, file, problems)
        else:
            columns_of_all["cls"] = text.strip()
    for row in objects:
        yield {name: value for name, value in row.items() if name not in IMAGES} | columns_of_all


def _objects(text: str, file: ArchivedFile, problems: Problems) -> list[dict]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    found = content if isinstance(content, list) else [content]
    if not all(isinstance(row, dict) for row in found):
        problems.add("texts in an archive are not JSON objects", file.member)
    return [row for row in found if isinstance(row, dict)] or [{}]
