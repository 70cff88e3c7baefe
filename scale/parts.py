"""What is given to work on, cut into parts: the same parts in every run, so that a run knows which are done.

A part is one tar, zip or Parquet file, or so many photos of a folder or a list. Nothing is opened here but lists.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

from encoders.archives import COMPRESSED_TARS
from encoders.formats import PHOTO_SUFFIXES, is_photo
from encoders.photo_files import folders_under
from runtime.errors import DataError, SettingError, printable

from .files import errors_as_sentences, is_address, open_file

PHOTOS_PER_PART = 500  # of a part that is no file of its own: what a killed worker may lose
TAR, ZIP, PARQUET = ".tar", ".zip", ".parquet"
SHARDS = (TAR, ZIP, PARQUET)
_LISTS = (".txt", ".lst", ".list")


@dataclass(frozen=True)
class Part:
    """One piece of the work.

    Attributes:
        number: counted from 0.
        names: one of SHARDS, or photos; paths or addresses, as their owner gave them.
        base: the folder that relative paths start from.
    """

    number: int
    names: tuple[str, ...]
    base: str

    @property
    def kind(self) -> str:
        """One of SHARDS; "" for photos."""
        return kind_of(self.names[0])

    @property
    def about(self) -> str:
        """What a sentence calls it."""
        return printable(self.names[0]) + (f" and {len(self.names) - 1:,} more" if len(self.names) > 1 else "")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Part":
        fields = json.loads(text)
        return cls(fields["number"], tuple(fields["names"]), fields["base"])


def parts_of(sources: Iterable[str], *, photos: int = PHOTOS_PER_PART) -> list[Part]:
    """Cut photos, folders, lists of photos or of shards, tars, zips, Parquet files, and patterns of these into parts.

    Each is a path, or an address that fsspec opens (`s3://bucket/shards/*.tar`, if its package is installed). A list is
    a text file with one path or address a line. Of a folder, the photos and the shards are taken, at any depth.

    Args:
        photos: so many make a part.

    Raises:
        SettingError: there is nothing, or an address of an unknown kind. DataError: it cannot be read.
    """
    sources = [str(source) for source in sources]
    base, parts = str(Path.cwd()), []
    names = (name for source in sources for name in _files_of(source))
    for shard, group in groupby(names, lambda name: bool(kind_of(name))):
        while some := tuple(islice(group, 1 if shard else photos)):
            parts.append(Part(len(parts), some, base))
    if not parts:
        raise SettingError(f"there are no photos and no shards in {', '.join(map(printable, sources))}; name another.")
    return parts


def digest(parts: Iterable[Part]) -> str:
    """A hash of this list of parts."""
    content = hashlib.sha256()
    for part in parts:
        content.update("\n".join((*part.names, "\n")).encode("utf-8", "backslashreplace"))
    return content.hexdigest()[:16]


def kind_of(name: str) -> str:
    """One of SHARDS, by a name's suffix; "" for any other file."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in SHARDS else ""


def _files_of(source: str) -> Iterator[str]:
    """The photos and shards that one source stands for, in a fixed order."""
    if source.lower().endswith(COMPRESSED_TARS):
        raise DataError(f"{printable(source)} is a compressed tar, which no worker reads; decompress it to a .tar.")
    found = _remote_files(source) if is_address(source) else _local_files(source)
    yield from _list_lines(source) if found == [source] and source.lower().endswith(_LISTS) else found


def _local_files(source: str) -> list[str]:
    """Files of this computer."""
    path = Path(source)
    if path.is_dir():
        return [str(file) for folder, names in folders_under(path) for file in map(folder.joinpath, sorted(names))
                if kind_of(file.name) or is_photo(file)]  # fmt: skip
    if path.is_file():
        return [source]
    if not set(source) & set("*?["):
        raise DataError(f"{printable(source)} does not exist; check the spelling of the path.")
    root = Path(path.anchor) if path.is_absolute() else Path()
    return sorted(str(file) for file in root.glob(str(path.relative_to(root))) if kind_of(file.name) or is_photo(file))


def _remote_files(source: str) -> list[str]:
    """Files behind an address."""
    with errors_as_sentences(source):
        import fsspec

        system, path = fsspec.core.url_to_fs(source)
        if set(path) & set("*?["):
            found = system.glob(path)
        elif system.isdir(path):
            wanted = (*SHARDS, *PHOTO_SUFFIXES)
            found = [file for file in system.find(path) if file.lower().endswith(wanted)]
        else:
            return [source]
        return sorted(map(system.unstrip_protocol, found))


def _list_lines(name: str) -> Iterator[str]:
    """The lines of a list."""
    with errors_as_sentences(name), open_file(name) as file:
        lines = file.read().decode("utf-8-sig", "surrogateescape").splitlines()
    yield from filter(None, map(str.strip, lines))
