"""The photos of a part, one after the other: whatever is wrong with one, or with the file they are in, is told in its
place, and nothing is raised.

Nothing is unpacked: a tar is read from its beginning to its end, a zip by the list at its end and then in its order, a
Parquet file row group by row group; so one far away is read in as few requests as one here.
"""

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

from encoders.archives import MAX_BYTES, tar_members
from encoders.formats import HEAD, PHOTO_COLUMNS, is_archived_photo
from runtime.archive import is_junk, member_name
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


PhotoSource: TypeAlias = LocalFile | RemoteFile | LoadedPhoto | Unreadable


def photos_of(part: Part, column: str | None = None) -> Iterator[PhotoSource]:
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
            if part.kind == PARQUET:
                yield from _parquet_photos(name, file, part.base, column)
            else:
                yield from (_tar_photos if part.kind == TAR else _zip_photos)(name, file)
    except (DataError, SettingError) as error:
        yield Unreadable(name, str(error))


def error_text(photo: PhotoSource, error: PhotoError) -> str:
    """Why a photo cannot be opened, with its name as it was given."""
    return str(error).replace(printable(photo), printable(photo.name)) if isinstance(photo, LocalFile) else str(error)


def _tar_photos(archive: str, file: BinaryIO) -> Iterator[PhotoSource]:
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for info in tar_members(tar):
                name = f"{archive}/{info.name.removeprefix('./')}"
                if is_archived_photo(name, partial(_head, tar.extractfile, info)):
                    yield _too_large(name) if info.size > MAX_BYTES else LoadedPhoto(name, tar.extractfile(info).read())
    except tarfile.TarError as error:
        yield Unreadable(archive, f"{printable(archive)} is cut short or damaged ({error}): what is whole before "
                                  "that was read; copy it again.")  # fmt: skip


def _zip_photos(archive: str, file: BinaryIO) -> Iterator[PhotoSource]:
    try:
        with zipfile.ZipFile(file) as directory:
            for info in directory.infolist():
                name = f"{archive}/{member_name(info)}"
                if not info.is_dir() and not is_junk(member_name(info)):
                    yield from _zipped(name, directory, info)
    except zipfile.BadZipFile as error:
        yield Unreadable(archive, f"{printable(archive)} is no zip, or is cut short ({error}); copy it again.")


def _zipped(name: str, directory: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[PhotoSource]:
    """One photo of a zip. What the zip says of its size is not believed; one that is damaged keeps no other away."""
    try:
        if is_archived_photo(name, partial(_head, directory.open, info)):
            with directory.open(info) as file:
                data = file.read(MAX_BYTES + 1)
            yield _too_large(name) if len(data) > MAX_BYTES else LoadedPhoto(name, data)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: a rare kind
        why = "it has a password" if info.flag_bits & 0x1 else str(error)
        yield Unreadable(name, f"{printable(name)} cannot be unpacked ({printable(why)}); pack it again.")


def _too_large(name: str) -> Unreadable:
    return Unreadable(name, f"{printable(name)} is larger than {MAX_BYTES >> 20} MB; save it as JPEG first.")


def _head(open_member: Callable, info) -> bytes:
    """The first bytes of a member of an archive."""
    with open_member(info) as file:
        return file.read(HEAD)


def _parquet_photos(archive: str, file: BinaryIO, base: str, column: str | None) -> Iterator[PhotoSource]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        parquet = ParquetFile(file)
        column = photo_column(archive, parquet.schema_arrow, column)
        batches = parquet.iter_batches(_ROWS, columns=[column])
        for number, cell in enumerate(cell for batch in batches for cell in batch.column(0).to_pylist()):
            yield _cell_photo(archive, number, cell, base)
    except (pyarrow.ArrowException, OSError) as error:
        why = str(error).split("\n")[0].rstrip(". ")
        yield Unreadable(archive, f"{printable(archive)} is no Parquet file, or is cut short ({why}); copy it again.")


def _cell_photo(archive: str, number: int, cell, base: str) -> PhotoSource:
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
            ):  # damage is reported where the part is read
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
