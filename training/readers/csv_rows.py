"""Rows of text with commas, semicolons or tabs between the cells; the first has the columns' names."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain, dropwhile
from pathlib import Path

from runtime.errors import DataError, printable

from .records import Problems

_END = "\x1a"  # a row of our own behind the last: where it is inside another, that one is not closed
_ROW_START = re.compile(r"[^,;\t\"]*\.(?:jpe?g|png|gif|bmp|tiff?|webp|avif|heic)[,;\t]", re.IGNORECASE)


def columns(text: str) -> set[str]:
    """The columns, told by the first bytes of a table; none where it has none."""
    try:
        return set(_names(next(_table(re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)), [])))
    except csv.Error:
        return set()


def rows(text: str, path: str | Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    """The rows of a table, as (number of the line, row); a line that is no row is counted.

    Raises:
        DataError: a quotation mark is not closed.
    """
    lines = [f"{line}\n" for line in (*text.split("\n"), _END)]
    table = _table(lines)
    header, before = [], 0  # how many lines stand before the row
    try:
        while (cells := next(table)) != [_END] or table.line_num < len(lines):
            if _has_unclosed_quote(cells, lines[before : table.line_num], table.dialect):
                raise csv.Error
            before = table.line_num
            if not header:
                header = _names(cells)
            elif len(cells) == len(header):
                yield before, dict(zip(header, cells, strict=True))
            elif cells:
                place = f"{Path(path).name} line {before}"
                if len(cells) > len(header):
                    problems.add("lines have more columns than the header", place)
                else:
                    problems.add("lines have fewer columns than the header", place)
    except csv.Error as error:
        why = "a quotation mark opens a text and none closes it; one that is part of a text is written twice"
        why = why if '"' in lines[before] else f"{error}; export the table again"
        raise DataError(f"{printable(path)} cannot be read at line {before + 1}: {why}.") from None


def _has_unclosed_quote(cells: list[str], lines: list[str], dialect: csv.Dialect) -> bool:
    """Whether a row goes on over the next ones, since a quotation mark in it is not closed where it should be."""
    lines = list(dropwhile(str.isspace, lines))
    if len(lines) < 2:
        return False
    try:
        list(csv.reader(lines, dialect, strict=True))
    except csv.Error:  # text goes on behind the mark that closes
        return True
    return any(_END in cell for cell in cells) or any(map(_ROW_START.match, lines[1:]))


def _table(lines: Iterable[str]):
    """A csv.reader, of commas or what else there is most of in the first line."""
    lines = iter(lines)
    first = next(lines, "")
    delimiter = max(",;\t", key=first.count)  # spreadsheets in half of Europe write semicolons
    return csv.reader(chain([first], lines), delimiter=delimiter, skipinitialspace=True)


def _names(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]
