"""Files inside tar and zip archives, read in place: where each one's bytes are, and nothing unpacked.

An `ArchivedFile` stands where the path of a photo does. It keeps no file open: processes and threads may share it.
"""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

from runtime.archive import is_junk, member_name
from runtime.errors import DataError, printable

from .formats import HEAD, is_archived_photo

ARCHIVES = (".tar", ".zip")
COMPRESSED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
MAX_BYTES = 1 << 28  # bytes of one file; a bomb holds more
_LOCAL_HEADER = 30  # bytes of a zip's header before each file; the lengths of two fields behind it are its last four


class EmbeddedFile:
    """A file inside another one, with as much of `pathlib.Path` as a photo needs.

    A kind of it says with `read_bytes` how it is read; that raises OSError where the archive is damaged, or another.

    Attributes:
        archive: the file that it is in.
        member: its own name, or its path in there.
    """

    __slots__ = ()
    archive: Path
    member: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.member).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.member).stem

    def is_file(self) -> bool:
        return self.archive.is_file()

    def stat(self) -> SimpleNamespace:
        """Its size, where that is known before it is read (0 elsewhere), and the time of the archive."""
        return SimpleNamespace(st_size=getattr(self, "size", 0), st_mtime_ns=self.archive.stat().st_mtime_ns)

    def open(self, mode: str = "rb") -> io.BytesIO:
        return io.BytesIO(self.read_bytes())


@dataclass(frozen=True, order=True, slots=True)
class ArchivedFile(EmbeddedFile):
    """A file inside a tar or zip.

    Attributes:
        archive: the tar or zip.
        member: its path in there.
        size: bytes.
        offset: where its bytes begin in the archive.
        deflated: how many bytes they take there, where they are compressed; 0 where they are not.
    """

    archive: Path
    member: str
    size: int
    offset: int
    deflated: int = 0

    def __str__(self) -> str:
        return f"{self.archive}/{self.member}"

    def is_photo(self) -> bool:
        """Whether it is to be treated as a photo: by its suffix or, where that tells nothing, by its content."""
        return is_archived_photo(self.name, self._head)

    def _head(self) -> bytes:
        try:
            with self.archive.open("rb") as file:
                file.seek(self.offset)
                data = file.read(min(self.deflated or self.size, HEAD))
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, HEAD) if self.deflated else data
        except (OSError, zlib.error):
            return b""

    def read_bytes(self) -> bytes:
        stored = self.deflated or self.size
        if max(stored, self.size) > MAX_BYTES:
            raise OSError(f"it is larger than {MAX_BYTES >> 20} MB")
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            data = file.read(stored)
        if len(data) < stored:
            raise OSError("the archive is cut short")
        return _inflate(data, self.size) if self.deflated else data


def _inflate(data: bytes, size: int) -> bytes:
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
    except zlib.error as error:
        raise OSError(f"the archive is damaged: {error}") from None
    if len(data) != size:
        raise OSError("the archive is damaged")
    return data


def list_archive(archive: Path) -> Iterator[ArchivedFile]:
    """The plain files in an archive, in its order, but for those that macOS and Windows add.

    Raises:
        DataError: it is none of `ARCHIVES`, or is damaged; a tar that is cut short gives what is whole before that.
    """
    name = printable(archive)
    if archive.name.lower().endswith(COMPRESSED_TARS):
        raise DataError(f"{name} is a compressed tar, in which nothing can be read in place; decompress it to a .tar.")
    try:
        yield from _in_zip(archive) if archive.suffix.lower() == ".zip" else _in_tar(archive)
    except (tarfile.ReadError, zipfile.BadZipFile, struct.error) as error:
        why = "is cut short" if "unexpected end" in str(error) or "truncated" in str(error) else "is damaged"
        raise DataError(f"{name} {why}, or no {archive.suffix} ({error}); download or copy it again.") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror or error}); check your access to it.") from None


def _in_tar(archive: Path) -> Iterator[ArchivedFile]:
    with tarfile.open(archive, "r:") as tar:
        for info in tar_members(tar):
            yield ArchivedFile(archive, info.name.removeprefix("./"), info.size, info.offset_data)


def tar_members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The plain files in an open tar, but for those that macOS adds.

    Raises:
        tarfile.ReadError: it is damaged, or cut short, when that is met.
    """
    while (info := tar.next()) is not None:
        tar.members.clear()  # it would keep all of them
        if info.isreg() and not info.issparse() and not is_junk(info.name):
            yield info
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # of this tarfile is silent
        raise tarfile.ReadError("unexpected end of data")


def _in_zip(archive: Path) -> Iterator[ArchivedFile]:
    with zipfile.ZipFile(archive) as directory, archive.open("rb") as file:
        for info in directory.infolist():
            name = member_name(info).replace("\\", "/")  # as some programs of Windows write it
            readable = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & 0x1
            if info.is_dir() or is_junk(name) or not readable:
                continue
            file.seek(info.header_offset)
            lengths = struct.unpack("<HH", file.read(_LOCAL_HEADER)[-4:])
            deflated = info.compress_size if info.compress_type == zipfile.ZIP_DEFLATED else 0
            yield ArchivedFile(
                archive, name, info.file_size, info.header_offset + _LOCAL_HEADER + sum(lengths), deflated
            )
