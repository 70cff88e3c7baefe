"""The photos of a part, one after the other: whatever is wrong with one, or with the file they are in, is told in its
place, and nothing is raised.

A tar is read from its beginning to its end and a Parquet file row group by row group, so one far away is read in as
few requests as one here.
"""

import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

from encoders.archives import MAX_BYTES, tar_members
from encoders.formats import HEAD, PHOTO_COLUMNS, is_archived_photo
from runtime.errors import DataError, PhotoError, SettingError, printable

from .files import errors_as_sentences, is_address, open_file
from .parts import PARQUET, TAR, Part

_ROWS = 32  # of a Parquet file, in memory at a time


@dataclass(frozen=True)
class LocalFile(os.PathLike):
    """A photo on this computer; `base` is where a relative name starts from."""

    name: str
    base: str

    def __fspath__(self) -> str:
        return str(Path(self.base, self.name))


@dataclass(frozen=True)
class RemoteFile:
    """A photo behind an address."""

    name: str

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        try:
            with errors_as_sentences(self.name), open_file(self.name) as file:
                return file.read()
        except (DataError, SettingError) as error:
            raise PhotoError(str(error)) from None


@dataclass(frozen=True)
class LoadedPhoto:
    """A photo whose bytes are here already."""

    name: str
    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Unreadable:
    """What stands where photos should: a file that is cut short, a row without a picture.

    Attributes:
        why: in a sentence.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return self.name

    def read_bytes(self) -> bytes:
        raise PhotoError(self.why)


Found: TypeAlias = LocalFile | RemoteFile | LoadedPhoto | Unreadable


def photos_of(part: Part, column: str | None = None) -> Iterator[Found]:
    """The photos of a part, in its order.

    Args:
        column: of a Parquet file, that which has the photos or their names; found by its usual name unless given.
    """
    if not part.kind:
        yield from (RemoteFile(name) if is_address(name) else LocalFile(name, part.base) for name in part.names)
        return
    name = part.names[0]
    try:
        with errors_as_sentences(name), open_file(name, part.base) as file:
            yield from _in_tar(name, file) if part.kind == TAR else _in_parquet(name, file, part.base, column)
    except (DataError, SettingError) as error:
        yield Unreadable(name, str(error))


def sentence(photo: Found, error: PhotoError) -> str:
    """Why a photo cannot be opened, with its name as it was given."""
    return str(error).replace(printable(photo), printable(photo.name)) if isinstance(photo, LocalFile) else str(error)


def _in_tar(archive: str, file: BinaryIO) -> Iterator[Found]:
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for info in tar_members(tar):
                name = f"{archive}/{info.name.removeprefix('./')}"
                if not is_archived_photo(name, partial(_head, tar, info)):
                    continue
                if info.size > MAX_BYTES:
                    yield Unreadable(
                        name, f"{printable(name)} is larger than {MAX_BYTES >> 20} MB; save it as JPEG first."
                    )
                else:
                    yield LoadedPhoto(name, tar.extractfile(info).read())
    except tarfile.TarError as error:
        yield Unreadable(archive, f"{printable(archive)} is cut short or damaged ({error}): what is whole before "
                                  "that was read; copy it again.")  # fmt: skip


def _head(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    return tar.extractfile(info).read(HEAD)


def _in_parquet(archive: str, file: BinaryIO, base: str, column: str | None) -> Iterator[Found]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        parquet = ParquetFile(file)
        column = photo_column(archive, parquet.schema_arrow, column)
        batches = parquet.iter_batches(_ROWS, columns=[column])
        for number, cell in enumerate(cell for batch in batches for cell in batch.column(0).to_pylist()):
            yield _in_cell(archive, number, cell, base)
    except (pyarrow.ArrowException, OSError) as error:
        why = str(error).split("\n")[0].rstrip(". ")
        yield Unreadable(archive, f"{printable(archive)} is no Parquet file, or is cut short ({why}); copy it again.")


def _in_cell(archive: str, number: int, cell, base: str) -> Found:
    """A cell's photo: its bytes, bytes with a path as Hugging Face has them, or its path from the file's own folder."""
    path, data = (cell.get("path"), cell.get("bytes")) if isinstance(cell, dict) else (None, cell)
    path = data if isinstance(data, str) else path
    name = f"{archive}/{number}/{path}" if path else f"{archive}/{number}"
    if isinstance(data, bytes) and data:
        return LoadedPhoto(name, data)
    if path:
        folder = archive.rpartition("/")[0]
        place = path if is_address(path) or Path(path).is_absolute() or not folder else f"{folder}/{path}"
        return RemoteFile(place) if is_address(place) else LocalFile(place, base)
    return Unreadable(name, f"{printable(name)} has no picture in it; leave the row out.")


def check_column(parts: Iterable[Part], column: str | None) -> None:
    """Look at the first Parquet file, if there is one, before any work begins.

    Raises:
        DataError: it has no column of that name, or none of photos; or it is not there.
    """
    for part in parts:
        if part.kind == PARQUET:
            import pyarrow
            from pyarrow.parquet import read_schema

            name = part.names[0]
            with (
                errors_as_sentences(name),
                open_file(name, part.base) as file,
                suppress(pyarrow.ArrowException),
            ):  # damage is told later
                photo_column(name, read_schema(file), column)
            return


def photo_column(archive: str, schema, given: str | None = None) -> str:
    """Which column of a Parquet file has the photos, or else their names.

    Args:
        schema: pyarrow's, of the file.
        given: its name, where its owner gives one.

    Raises:
        DataError: there is no such column; with those that there are.
    """
    import pyarrow.types as types

    def has_bytes(name: str) -> bool:
        kind = schema.field(name).type
        return types.is_struct(kind) or types.is_binary(kind) or types.is_large_binary(kind)

    known = {name.lower(): name for name in reversed(schema.names)}
    found = [known[name] for name in ([given.lower()] if given else PHOTO_COLUMNS) if name in known]
    if not found:
        lacking, names = (
            f"no column {printable(given)!r}" if given else "no photos that are known",
            ", ".join(schema.names),
        )
        raise DataError(
            f"{printable(archive)} has {lacking}; give --image-column one of its columns: {printable(names)}."
        )
    return next(filter(has_bytes, found), found[0])
