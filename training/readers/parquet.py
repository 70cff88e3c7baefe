"""Parquet files as Hugging Face's data sets have them: photos in a column of bytes and paths, or their names.

Read in place: the texts first, a photo when it is opened. Needs pyarrow, the extra `parquet`.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock

from encoders.archives import EmbeddedFile
from runtime.errors import DataError, printable

from .columns import Columns

SUFFIX = ".parquet"
NEEDED = "{} needs pyarrow to be read; install it with pip install '.[parquet]'."
_ROWS = 4096  # of texts in memory at a time
_GROUPS = 3  # row groups of photos kept in memory: photos are opened in their order, by several threads
_lock = Lock()  # so that threads wait for a row group that another is reading


@dataclass(frozen=True, order=True, slots=True)
class ParquetPhoto(EmbeddedFile):
    """A photo in a Parquet file.

    Attributes:
        archive: the file; column, row: where in it.
        member: its name, which the data set gives or the row makes.
    """

    archive: Path
    column: str
    row: int
    member: str

    def __str__(self) -> str:
        return f"{self.archive}/{self.row}/{self.member}"

    def read_bytes(self) -> bytes:
        """Raises OSError where the file is not what it was, or has nothing there."""
        import pyarrow

        try:
            time = self.archive.stat().st_mtime_ns
            with _lock:
                ends = _ends(self.archive, time)
                group = bisect_right(ends, self.row)
                cells = _cells(self.archive, time, self.column, group)
            picture = cells[self.row - (ends[group - 1] if group else 0)].as_py()
        except (DataError, pyarrow.ArrowException, IndexError):
            raise OSError("the Parquet file is damaged") from None
        picture = picture.get("bytes") if isinstance(picture, dict) else picture
        if not picture:
            raise OSError("the row has no picture")
        return picture


@lru_cache(maxsize=256)
def _ends(file: Path, time: int) -> list[int]:
    """The row behind each row group."""
    with _opened(file) as parquet:
        groups = range(parquet.num_row_groups)
        return list(accumulate(parquet.metadata.row_group(group).num_rows for group in groups))


@lru_cache(maxsize=_GROUPS)
def _cells(file: Path, time: int, column: str, group: int):
    """The cells of one column in one row group."""
    with _opened(file) as parquet:
        return parquet.read_row_group(group, columns=[column]).column(column)


@contextmanager
def _opened(file: Path) -> Iterator:
    """The file as pyarrow opens it. Raises DataError where it cannot, or is not installed."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(NEEDED.format(printable(file))) from None
    try:
        with ParquetFile(file) as parquet:
            yield parquet
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # a text that is no UTF-8 is a ValueError
        why = printable(str(error).split("\n")[0].rstrip(". "))
        raise DataError(f"{printable(file)} is no Parquet file, or is cut short ({why}); download it again.") from None


def columns(file: Path) -> set[str]:
    """The columns of a file. Raises DataError where it is damaged, or pyarrow is not there."""
    with _opened(file) as parquet:
        return set(parquet.schema_arrow.names)


def rows(file: Path, column_names: Columns) -> Iterator[tuple[int, dict]]:
    """The rows of a file, as (number, row), with the columns that are wanted; photos in it are in their place.

    Raises:
        DataError: it is damaged, or pyarrow is not there.
    """
    with _opened(file) as parquet:
        found = column_names.match(parquet.schema_arrow.names)
        pictures = found.image if found.image and _has_pictures(parquet, found.image) else None
        texts = [found.question, found.answer, found.split, found.id, found.kind, *found.captions]
        read = [name for name in texts if name is not None]
        read += _names_of_photos(parquet, found.image) if found.image else []
        number = 0
        for batch in parquet.iter_batches(_ROWS, columns=read):
            for row in batch.to_pylist():
                cell = row.get(found.image)
                name = cell.get("path") if isinstance(cell, dict) else cell
                if pictures:
                    row[pictures] = ParquetPhoto(file, pictures, number, name or f"{file.stem}-{number}")
                elif found.image:
                    row[found.image] = name
                number += 1
                yield number, row


def _has_pictures(parquet, column: str) -> bool:
    """Whether a column holds photos themselves: bytes, alone or beside a path, that are not all empty."""
    import pyarrow.types as types

    kind = parquet.schema_arrow.field(column).type
    fields = {field.name: field.type for field in kind} if types.is_struct(kind) else {"bytes": kind}
    if not (types.is_binary(fields.get("bytes", kind)) or types.is_large_binary(fields.get("bytes", kind))):
        return False
    place = f"{column}.bytes" if types.is_struct(kind) else column
    return not all(_all_empty(parquet.metadata.row_group(group), place) for group in range(parquet.num_row_groups))


def _all_empty(group, place: str) -> bool:
    chunks = [group.column(n) for n in range(group.num_columns) if group.column(n).path_in_schema == place]
    counts = [chunk.statistics.null_count for chunk in chunks if chunk.statistics and chunk.statistics.has_null_count]
    return counts == [group.num_rows]


def _names_of_photos(parquet, column: str) -> list[str]:
    """What to read of the photos' column: names, and no photo."""
    import pyarrow.types as types

    kind = parquet.schema_arrow.field(column).type
    if types.is_struct(kind):
        return [f"{column}.path"] if any(field.name == "path" for field in kind) else []
    return [] if types.is_binary(kind) or types.is_large_binary(kind) else [column]
