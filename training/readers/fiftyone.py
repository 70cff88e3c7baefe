"""Rows of FiftyOne's own export (its type FiftyOneDataset): `samples.json` beside `metadata.json` and `data`.

`{"samples": [{"filepath": "data/a.jpg", "tags": ["train"], FIELD: ..., ...}, ...]}`, each sample as FiftyOne's database
has it (its `fiftyone.utils.data.exporters` writes them). A field is a column where it holds texts: a string, a list of
strings, or a Classification or Classifications, whose labels are the texts. `filepath` is the column `image`; a sample
without a field `split` is in the split that one of its tags names.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import DataError, printable

from .cells import split_in
from .records import Problems

NAME = "samples.json"
NO_TEXTS = "{} is FiftyOne's, and no field of its samples holds texts; export the field with the captions too."
GIVEN = {"image", "split"}  # columns that need no field
_NOT_FIELDS = ("filepath", "metadata", "tags", "created_at", "last_modified_at")  # nor what begins with _


def is_export(file: Path, start: bytes) -> bool:
    """Whether a file is one, by its name and its first bytes."""
    return file.name == NAME and re.match(rb'\s*\{\s*"samples"\s*:', start) is not None


def columns(content: object, file: Path) -> set[str]:
    """The columns that any of its samples has. Raises DataError where it has no list of samples."""
    return {name for sample in _samples(content, file) if isinstance(sample, dict) for name in _row(sample)}


def rows(content: object, file: Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    """Its samples, as (number, row); what is none is counted. Raises DataError where it has no list of samples."""
    for number, sample in enumerate(_samples(content, file), start=1):
        if isinstance(sample, dict):
            yield number, _row(sample)
        else:
            problems.add("rows are not a JSON object", f"{file.name} row {number}")


def _samples(content: object, file: Path) -> list:
    samples = content.get("samples") if isinstance(content, dict) else None
    if not isinstance(samples, list):
        raise DataError(f"{printable(file)} has no list of samples; export it from FiftyOne again.")
    return samples


def _row(sample: dict) -> dict:
    fields = {name: value for name, value in sample.items() if name not in _NOT_FIELDS and not name.startswith("_")}
    row = {name: texts for name, value in fields.items() if (texts := _texts(value))}
    tags = sample.get("tags")
    splits = [split_in(tag) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    if any(splits):
        row.setdefault("split", next(filter(None, splits)))
    return row | {"image": sample.get("filepath")}


def _texts(value: object) -> str | list[str] | None:
    """The text or texts of a field; None where it holds none."""
    if isinstance(value, dict):  # one of FiftyOne's labels
        value = value.get("classifications" if value.get("_cls") == "Classifications" else "label")
        value = [one.get("label") for one in value if isinstance(one, dict)] if isinstance(value, list) else value
    texts = value if isinstance(value, list) else [value]
    return value if texts and all(isinstance(text, str) for text in texts) else None
