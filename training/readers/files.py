"""Reading a stranger's JSON, tables and photo folders safely: one clear sentence for a bad file, nothing outside it.

Knows no data set's format. A whole file that cannot be read is a DataError; one bad row is counted in Problems.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from encoders.images import PHOTO_SUFFIXES
from runtime.archive import leaves
from runtime.errors import DataError, shown

from .records import Problems

JSON_LINES = (".jsonl", ".ndjson")
ROWS = (".csv", ".tsv", ".json", *JSON_LINES)  # what `read_rows` reads


def read_text(path: str | Path) -> str:
    """A whole UTF-8 file, with or without a byte-order mark. Raises DataError in one sentence."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{shown(path)} does not exist; check the spelling of the path.") from None
    except UnicodeDecodeError:
        raise DataError(f"{shown(path)} is not UTF-8 text; save it again as UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{shown(path)} cannot be read ({reason}); check the path and your access to it.") from None


def head(path: str | Path, size: int = 65536) -> bytes:
    """The first bytes of a file, to recognise it by; none where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(size).removeprefix(b"\xef\xbb\xbf")
    except (OSError, ValueError):
        return b""


def read_json(path: str | Path) -> object:
    """What a JSON file holds. Raises DataError in one sentence."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{shown(path)} is not valid JSON ({reason}); download or export it again.") from None


def read_rows(path: str | Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    """The rows of a `.csv`, `.tsv` or `.jsonl` file, or of a `.json` file that is one list, as (number, row).

    The number is of the line, in a list of the row. What is no row is counted.

    Raises:
        DataError: the file cannot be read, or is not what its name says.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        yield from _listed_rows(read_json(path), path, problems)
    elif suffix in JSON_LINES:
        yield from _json_rows(read_text(path), Path(path).name, problems)
    else:
        yield from _csv_rows(read_text(path), path, problems)


def columns(path: str | Path) -> set[str]:
    """The columns of such a table, told by its first bytes, to recognise it by; none where it has none."""
    text = head(path).decode("utf-8", "replace")
    if Path(path).suffix.lower() == ".json":
        return _first_listed(text)
    if Path(path).suffix.lower() in JSON_LINES:
        return next((set(row) for _, row in _json_rows(text, "", Problems())), set())
    try:
        return set(_csv_reader(text).fieldnames)
    except csv.Error:
        return set()


def _first_listed(text: str) -> set[str]:
    """The names in the first object of a JSON list, of which only the beginning may be there."""
    opening = re.match(r"\s*\[\s*(?=\{)", text)
    try:
        return set(json.JSONDecoder().raw_decode(text, opening.end())[0]) if opening else set()
    except (ValueError, RecursionError):
        return set()


def _listed_rows(content: object, path: str | Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    if not isinstance(content, list):
        raise DataError(f"{shown(path)} is not a list of objects; give each row an object, in one list.")
    for number, row in enumerate(content, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            problems.add("rows are not a JSON object", f"{Path(path).name} row {number}")


def _json_rows(text: str, name: str, problems: Problems) -> Iterator[tuple[int, dict]]:
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: U+2028 may stand inside a string
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield number, row
        else:
            problems.add("lines are not a JSON object", f"{name} line {number}")


def _csv_rows(text: str, path: str | Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    try:
        reader = _csv_reader(text)
        for row in reader:
            if None in row or None in row.values():
                place = f"{Path(path).name} line {reader.line_num}"
                problems.add("lines have more or fewer columns than the header", place)
            else:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{shown(path)} is not a readable table ({error}); export it as CSV again.") from None


def _csv_reader(text: str) -> csv.DictReader:
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)  # spreadsheets in half of Europe write semicolons
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or []]
    return reader


class ImageFolder:
    """The photos under one folder, listed once; `find` only ever gives one of them.

    Names come from a data set's files, which a stranger wrote: an absolute name, or one with `..`, is refused, so
    that nothing outside the folder can be named. A link that the folder's owner put inside it is followed: photos are
    often kept elsewhere. (A stranger's zip can bring none: `runtime.archive` refuses them.)
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self._by_path: dict[str, Path] = {}
        self._by_name: dict[str, list[str]] = {}
        seen = set()
        for folder, inner, names in os.walk(self.root, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:  # a link that leads back up
                inner.clear()
                continue
            seen.add(real)
            self._add(Path(folder), names)

    def _add(self, folder: Path, names: list[str]) -> None:
        inside = folder.relative_to(self.root).as_posix()
        for name in names:
            if name.lower().endswith(PHOTO_SUFFIXES):
                relative = name if inside == "." else f"{inside}/{name}"
                self._by_path[relative] = folder / name
                self._by_name.setdefault(name, []).append(relative)

    def __len__(self) -> int:
        return len(self._by_path)

    def find(self, name: str) -> Path | None:
        """The photo of that name: by its path under the folder, else the only one whose path ends like it.

        So `a.jpg` finds `images/a.jpg`, and `data/images/a.jpg` does too; `val/a.jpg` does not find `train/a.jpg`.
        """
        fitting = self._fitting(name)
        return self._by_path[fitting[0]] if len(fitting) == 1 else None

    def _fitting(self, name: str) -> list[str]:
        """The paths under the folder that a name may mean."""
        if leaves(name):
            return []
        name = name.replace("\\", "/").removeprefix("./")
        if name in self._by_path:
            return [name]
        alike = self._by_name.get(name.rsplit("/", 1)[-1], [])
        return [path for path in alike if path.endswith("/" + name) or name.endswith("/" + path)]

    def find_or_report(self, name: object, problems: Problems) -> Path | None:
        """`find`, with the reason counted in `problems` where there is no such photo."""
        if not isinstance(name, str) or not name.strip():
            problems.add("image names are not text", repr(name)[:80])
            return None
        photo = self.find(name.strip())
        if photo is None:
            printable = name.encode("utf-8", "replace").decode()  # JSON can hold half a character
            problems.add(self._why_not(name), printable)
        return photo

    def _why_not(self, name: str) -> str:
        if leaves(name):
            return "image names leave the folder"
        return "image names fit more than one photo" if self._fitting(name.strip()) else "images are missing"
