"""Reading a stranger's JSON and tables safely: one clear sentence for a bad file.

Knows no data set's format. A whole file that cannot be read is a DataError; one bad row is counted in Problems.
"""

import codecs
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from encoders.archives import ARCHIVES
from runtime.errors import DataError, printable

from . import csv_rows, fiftyone, json_rows, parquet, samples
from .columns import USUAL, Columns
from .records import Problems

JSON_LINES = (".jsonl", ".ndjson")
ROWS = (".csv", ".tsv", ".json", *JSON_LINES)  # tables of text
TABLES = (*ROWS, parquet.SUFFIX, *ARCHIVES)  # what `read_rows` reads
_OUTPUTS = (  # the columns of what `python -m captioner`, its albums and `python -m vqa` write
    {"image", "caption", "log_prob"}, {"image", "question", "sure"}, {"image", "error"},
)  # fmt: skip


def read_text(path: str | Path) -> str:
    """A whole file in UTF-8, with or without a byte-order mark, UTF-16 or UTF-32. Raises DataError in one sentence."""
    try:
        content = Path(path).read_bytes()
        return content.decode(_encoding(content)).replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        raise DataError(f"{printable(path)} does not exist; check the spelling of the path.") from None
    except UnicodeDecodeError:
        raise DataError(f"{printable(path)} is neither UTF-8 nor UTF-16 text; save it again as UTF-8.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{printable(path)} cannot be read ({reason}); check the path and your access to it.") from None


def head(path: str | Path, size: int = 65536) -> bytes:
    """The first bytes of a file, to recognise it by; none where it cannot be read, or is a pipe that may never end."""
    if not Path(path).is_file():
        return b""
    try:
        with Path(path).open("rb") as file:
            content = file.read(size)
    except (OSError, ValueError):
        return b""
    encoding = _encoding(content)
    if encoding == "utf-8-sig":
        return content.removeprefix(codecs.BOM_UTF8)
    return content.decode(encoding, "ignore").encode("utf-8", "replace")  # Excel's "Unicode text"


def tail(path: str | Path, size: int = 65536) -> bytes:
    """The last bytes of a file; none where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            file.seek(-min(size, Path(path).stat().st_size), 2)
            return file.read()
    except (OSError, ValueError):
        return b""


def _encoding(content: bytes) -> str:
    """UTF-32 or UTF-16 where a mark or a NUL of the first letter says so, else UTF-8."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(content) > 1 and (content[0] == 0) != (content[1] == 0):
        return "utf-16-be" if content[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def read_json(path: str | Path) -> object:
    """What a JSON file holds. Raises DataError in one sentence."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{printable(path)} is not valid JSON ({reason}); download or export it again.") from None


def read_rows(path: str | Path, problems: Problems, column_names: Columns = USUAL) -> Iterator[tuple[int, dict]]:
    """The rows of a table, as (number, row): of a `.csv`, `.tsv` or `.jsonl` file, or a `.json` file that is one list.

    So are the rows of a Parquet file and the samples of a tar or zip, whose photos are in their place, and those of
    FiftyOne's export. The number is of the line, else of the row. What is no row is counted.

    Args:
        column_names: what to read of a Parquet file.

    Raises:
        DataError: the file cannot be read, or is not what its name says.
    """
    suffix = Path(path).suffix.lower()
    if suffix == parquet.SUFFIX:
        yield from parquet.rows(Path(path), column_names)
    elif suffix in ARCHIVES:
        yield from samples.rows(Path(path), problems)
    elif fiftyone.is_export(Path(path), head(path)):
        yield from fiftyone.rows(read_json(path), Path(path), problems)
    elif suffix == ".json":
        yield from json_rows.listed(read_json(path), path, problems)
    elif suffix in JSON_LINES:
        yield from json_rows.lines(read_text(path), Path(path).name, problems)
    else:
        yield from csv_rows.rows(read_text(path), path, problems)


def columns(path: str | Path) -> set[str]:
    """The columns of such a table, told by its first bytes, to recognise it by; none where it has none.

    Raises:
        DataError: a Parquet file, a tar or FiftyOne's export is damaged: one of many must not be passed over.
    """
    suffix = Path(path).suffix.lower()
    if suffix == parquet.SUFFIX:
        return parquet.columns(Path(path)) if find_spec("pyarrow") else set()  # it may lie beside what is meant
    if suffix in ARCHIVES:
        return samples.columns(Path(path))
    if fiftyone.is_export(Path(path), head(path)):
        status = Path(path).stat()
        return set(_fiftyone_columns(Path(path), status.st_size, status.st_mtime_ns))
    text = _beginning(Path(path))
    if suffix == ".json":
        return json_rows.first_listed(text)
    if suffix in JSON_LINES:
        return next((set(row) for _, row in json_rows.lines(text, "", Problems())), set())
    return csv_rows.columns(text)


@lru_cache(maxsize=64)
def _fiftyone_columns(path: Path, size: int, time: int) -> frozenset[str]:
    """All of it is read, since a field of the first sample may be empty; not again until its size or time changes."""
    return frozenset(fiftyone.columns(read_json(path), path))


def tables_in(path: Path, suffixes: tuple[str, ...], known: Callable[[Path], bool]) -> list[Path]:
    """The tables that are known: the one file, those in a folder, or, where there is none, those in its sub-folders."""
    for files in ([path],) if path.is_file() else (_files_in(path), _files_in(path, depth=1)):
        found = [file for file in files if file.suffix.lower() in suffixes and file.is_file() and known(file)]
        if found:
            return found
    return []


def _files_in(folder: Path, depth: int = 0) -> Iterator[Path]:
    """What is in a folder, or so many folders down; in alphabetical order."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not depth:
                yield Path(entry.path)
            elif entry.is_dir():
                yield from _files_in(Path(entry.path), depth - 1)


def unread_parquet(path: Path) -> str | None:
    """A sentence on a Parquet file there that cannot be read, since pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        for file in tables_in(path, (parquet.SUFFIX,), lambda file: True):
            return parquet.NEEDED.format(printable(file))
    return None


def is_model_output(has: set[str]) -> bool:
    """Whether a table of these columns is what a captioner, or a VQA model, said: no person's words to learn from."""
    return any(output <= has for output in _OUTPUTS)


def model_outputs_in(path: Path) -> list[Path]:
    """The tables in a folder and its sub-folders that are such output, or the one file."""
    files = [path] if path.is_file() else chain(_files_in(path), _files_in(path, depth=1))
    return [file for file in files if _is_output_file(file)]


def explain_model_outputs(path: Path) -> str | None:
    """A sentence on such output where nothing else is; None where there is none."""
    for file in model_outputs_in(path):
        return f"{printable(file.name)} is what a model said, and nothing to learn from; give what people wrote."
    return None


def unreadable_header(file: Path) -> str | None:
    """A sentence on a table whose header cannot be read; None where it can."""
    why = csv_rows.unreadable_header(_beginning(file)) if file.suffix.lower() in (".csv", ".tsv") else None
    return why and f"{file.name} {why}"


def _is_output_file(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix not in (*ROWS, parquet.SUFFIX) and file.name.lower() != "captions.txt":
        return False
    if suffix == ".json" and is_model_output(json_rows.first_object(_beginning(file))):
        return True  # JSON lines, by the name that people give them
    with contextlib.suppress(DataError):  # a damaged one is told of where it is read
        return is_model_output(columns(file))
    return False


def _beginning(file: Path) -> str:
    return head(file).decode("utf-8", "replace")
