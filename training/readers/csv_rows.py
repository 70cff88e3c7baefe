"""The rows of a CSV file, with whatever stands between its columns.

A quotation mark that is not closed makes one row of many, and the csv module does not mind: here it is told.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain, dropwhile
from pathlib import Path

from runtime.errors import DataError, printable

from .records import Problems

_END = "\x1a"  # a row of our own behind the last: where it is inside another, that one is not closed
_PHOTO = re.compile(r"[^,;\t\"]*\.(?:jpe?g?|jfif|png|gif|bmp|tiff?|webp|avif|hei[cf])\s*", re.IGNORECASE)
_NOT_CLOSED = "a quotation mark opens a text and none closes it; one that is part of a text is written twice"
_NO_VALUE = {"nan", "NaN", "null", "NULL", "None", "<NA>", "#N/A"}  # CSV has no word for it: programs write their own


def rows(text: str, path: str | Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    """The rows of a table, as (line, row); a cell without a value is empty, whatever word a program wrote for that.

    Raises:
        DataError: a quotation mark is not closed, or a column comes twice.
    """
    lines = [f"{line}\n" for line in (*text.split("\n"), _END)]
    table = _table(lines)
    header, before = [], 0  # how many lines stand before the row
    try:
        while (cells := next(table)) != [_END] or table.line_num < len(lines):
            more = _after_first(lines[before : table.line_num])
            if more and _has_unclosed_quote(cells, lines[before : table.line_num], more, len(header), table.dialect):
                raise csv.Error(_NOT_CLOSED)
            before = table.line_num
            place = f"{Path(path).name} line {before}"
            if not header:
                header = _names(cells)
                _refuse_twice(header, path)
            elif any(map(str.strip, cells[len(header) :])):
                problems.add("lines have more columns than the header", place)
            elif len(cells) >= len(header):
                if any(_is_row(line, len(header), table.dialect) for line in more):
                    problems.add("lines look like rows and are taken for part of a text in quotation marks", place)
                yield before, dict(zip(header, ("" if cell in _NO_VALUE else cell for cell in cells), strict=False))
            elif cells:
                problems.add("lines have fewer columns than the header", place)
    except csv.Error as error:
        why = str(error)
        if "field limit" in why and '"' in lines[before]:
            why = f"a text of more than {csv.field_size_limit():,} characters begins there, or {_NOT_CLOSED}"
        elif why != _NOT_CLOSED:
            why = f"{why}; export the table again"
        raise DataError(f"{printable(path)} cannot be read at line {before + 1}: {why}.") from None


def _refuse_twice(header: list[str], path: str | Path) -> None:
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise DataError(
            f"{printable(path)} has the column {printable(twice[0])!r} twice; give each column a name of its own, as "
            "caption_1 and caption_2."
        )


def columns(text: str) -> set[str]:
    """The columns of a table that begins so; none where it has none."""
    try:
        return set(_names(next(_table([_header(text)]), [])))
    except csv.Error:
        return set()


def unreadable_header(text: str) -> str | None:
    """Why the header of a table that begins so cannot be read, as a sentence goes on; None where it can."""
    try:
        list(csv.reader([_header(text)], strict=True))
    except csv.Error:
        return f"cannot be read at line 1: {_NOT_CLOSED}."
    return None


def _header(text: str) -> str:
    return re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]


def _has_unclosed_quote(cells: list[str], lines: list[str], more: list[str], width: int, dialect: csv.Dialect) -> bool:
    """Whether a row goes on over the next ones, `more`, since a quotation mark is not closed where it should be."""
    try:
        list(csv.reader(lines, dialect, strict=True))
    except csv.Error:  # text goes on behind the mark that closes
        return True
    return any(_END in cell for cell in cells) or any(_has_photo(line, width, dialect) for line in more)


def _after_first(lines: list[str]) -> list[str]:
    """The lines of a row behind its first; empty ones before it are none of it."""
    return list(dropwhile(str.isspace, lines))[1:] if len(lines) > 1 else []


def _has_photo(line: str, width: int, dialect: csv.Dialect) -> bool:
    """Whether a line begins with a photo's name, or is like a row and has one anywhere."""
    first, *others = line.split(dialect.delimiter)
    if others and _PHOTO.fullmatch(first):
        return True
    return any(map(_PHOTO.fullmatch, others)) and _is_row(line, width, dialect)


def _is_row(line: str, width: int, dialect: csv.Dialect) -> bool:
    """Whether a line has as many cells as the header."""
    try:
        return len(next(csv.reader([line], dialect), [])) == width
    except csv.Error:
        return False


def _table(lines: Iterable[str]):
    """A csv.reader, of commas or what else there is most of in the first line."""
    lines = iter(lines)
    first = next(lines, "")
    delimiter = max(",;\t", key=first.count)  # spreadsheets in half of Europe write semicolons
    return csv.reader(chain([first], lines), delimiter=delimiter, skipinitialspace=True)


def _names(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]
