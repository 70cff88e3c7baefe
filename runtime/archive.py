"""Unpacking a stranger's zip: nothing outside the folder, nothing but plain files, nothing larger than allowed."""

import mmap
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import DataError, printable

_CHUNK = 1 << 20
_ENTRY = re.compile(rb"PK\x01\x02")  # how each entry of a zip's directory begins
_JUNK = re.compile(  # what macOS and Windows add to a folder: no photo, though ._a.jpg and __MACOSX/a.jpg look like one
    r"__MACOSX|\._.*|\.DS_Store|Thumbs\.db|desktop\.ini", re.IGNORECASE
)
_UTF8 = 0x800  # the flag of a name in UTF-8
_UNICODE_PATH = 0x7075  # the extra field with a name in UTF-8 beside one in the packer's own alphabet


@dataclass(frozen=True)
class ArchiveLimits:
    """What is too much.

    Attributes:
        members: files and folders in the zip.
        member_bytes: of one file, unpacked.
        total_bytes: of all, unpacked.
        ratio: of all, unpacked, to the zip's own size. Photos hardly shrink, and text to a tenth; what a bomb holds
            shrinks a thousandfold. The first `small` bytes are free of it.
        small: bytes.
    """

    members: int = 100_000
    member_bytes: int = 1 << 30
    total_bytes: int = 8 << 30
    ratio: int = 100
    small: int = 16 << 20


def escapes_root(name: str) -> bool:
    """Whether a name is absolute (of any system) or has `..` in it."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or name[1:2] == ":"


def unpack(zip_path: str | Path, folder: str | Path, *, limits: ArchiveLimits | None = None) -> Path:
    """Unpack a zip into a new folder. Whatever goes wrong, no such folder is left behind.

    Bytes are counted while they are unpacked: what the zip says of its sizes is not believed.

    Returns:
        The folder. Where all of the zip is in one folder, that is it, and its name is lost.

    Raises:
        DataError: it is no zip, is damaged, or has in it what is refused: names that lead out of the folder, links
            and devices, encrypted files, one name twice, or more than `limits` allow.
    """
    zip_path, folder = Path(zip_path), Path(folder)
    name = printable(zip_path.name)
    try:
        if folder.exists():
            raise DataError(f"{printable(folder.name)} is there already; unpack into a new folder.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            new = Path(temporary, "new")
            new.mkdir()
            _extract(zip_path, new, limits or ArchiveLimits())
            inside = list(new.iterdir())
            (inside[0] if len(inside) == 1 and inside[0].is_dir() else new).rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeError, NotImplementedError) as error:
        raise DataError(f"{name} is no zip, or a damaged one ({error}); pack or copy it again.") from None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{name} cannot be unpacked ({getattr(error, 'strerror', None) or error}); make room, or pack it again."
        ) from None
    return folder


def _extract(zip_path: Path, folder: Path, limits: ArchiveLimits) -> None:
    name, size = printable(zip_path.name), zip_path.stat().st_size
    if _entries(zip_path) > limits.members:
        raise DataError(f"{name} has more than {limits.members:,} files in it; split it into smaller ones.")
    max_bytes = min(limits.total_bytes, max(limits.small, limits.ratio * size))
    with zipfile.ZipFile(zip_path) as archive:
        members = [(info, target) for info in archive.infolist() if (target := _target(info, name))]
        for info, target in members:
            if info.is_dir():
                (folder / target).mkdir(parents=True, exist_ok=True)
                continue
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            written = _write(archive, info, folder / target, min(max_bytes, limits.member_bytes))
            if written is None:
                raise DataError(f"{name} unpacks to more than is allowed, at {printable(info.filename)}; split it, "
                                "leave out what is not a photo or a text, or make room.")  # fmt: skip
            max_bytes -= written


def _entries(zip_path: Path) -> int:
    """How many entries a zip's directory has, at most: `zipfile` would hold all of them in memory to count them."""
    with zip_path.open("rb") as file:
        if not zip_path.stat().st_size:
            raise zipfile.BadZipFile("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return sum(1 for _ in _ENTRY.finditer(content))


def _target(info: zipfile.ZipInfo, name: str) -> PurePosixPath | None:
    """Where a member goes in the folder; None where it is left out."""
    target = PurePosixPath(member_name(info).replace("\\", "/"))
    kind = stat.S_IFMT(info.external_attr >> 16)
    why = (
        "a name that leads out of its folder" if escapes_root(target.as_posix())
        else "a link or a device" if kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        else "a password" if info.flag_bits & 0x1
        else "an unusual compression" if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        else ""
    )  # fmt: skip
    if why:
        raise DataError(f"{name} has {why} in it, {printable(info.filename)}; pack plain files, without that.")
    return target if target.parts and not is_junk(target.as_posix()) else None


def is_junk(name: str) -> bool:
    """Whether a file in an archive is one of those that macOS and Windows add."""
    return any(map(_JUNK.fullmatch, PurePosixPath(name).parts))


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's name as its packer meant it.

    A zip may leave its alphabet open; then Python reads code page 437, though most packers of today wrote UTF-8. A
    name that is no UTF-8 stays as Python read it.
    """
    if info.flag_bits & _UTF8:
        return info.filename
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5:  # version, checksum of the other name, name
            return field[5:].decode("utf-8", "replace").replace("\0", "")
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, max_bytes: int) -> int | None:
    """Write one member; how many bytes it had, or None where they are more than `max_bytes`."""
    written = 0
    try:
        with archive.open(info) as source, target.open("xb") as file:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > max_bytes:
                    return None
                file.write(chunk)
    except FileExistsError:
        raise DataError(f"{printable(info.filename)} is in the zip twice; pack it again with each file once.") from None
    return written
