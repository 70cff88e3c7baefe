"""The photos under one folder, found by the names that a data set's files give them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from unicodedata import normalize
from urllib.parse import unquote

from encoders.archives import ARCHIVES, ArchivedFile, EmbeddedFile, list_archive
from encoders.photo_files import folders_under, photos_under
from runtime.archive import escapes_root
from runtime.errors import DataError

from .records import PhotoFile, Problems

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # https://, s3://, file://
_QUERY = re.compile(r"[?#]")
_ANNOTATION_FOLDERS = re.compile(  # the photos are beside these, not in them
    r"annotations|questions|(train|val)_all_questions|flickr8k_text", re.IGNORECASE
)
_ZIP_READS = "cp437"  # as which zips read a name whose alphabet they do not tell
_ALPHABETS = (  # of Windows, of DOS, and what else programs write names in
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "cp737", "cp775", "cp850", "cp852", "cp857", "cp862", "cp866", "cp720",
    "cp932", "euc_jp", "gbk", "big5", "cp949", "cp874", "koi8_r", "koi8_u",
)  # fmt: skip
_SPACES_IN_PATH = re.compile(r"\s*/\s*")


def photo_root(path: Path) -> Path:
    """The folder that a data set's photos are looked for in, and nowhere else: itself, or that of its file."""
    folder = path if path.is_dir() else path.parent
    return folder.parent if path != folder and _ANNOTATION_FOLDERS.fullmatch(folder.name) else folder


def is_embedded(photo: object) -> bool:
    """Whether a table's cell holds a photo itself, inside an archive or a Parquet file, and not its name."""
    return isinstance(photo, EmbeddedFile)


class ImageFolder:
    """The photos under one folder, listed when one is first asked for; `find` only ever gives one of them.

    Names come from a data set's files, which a stranger wrote, so nothing outside the folder can be named: of a name
    that is absolute (on another computer, as a rule) or has `..`, only its end is looked at. A link that the folder's
    owner put inside it is followed: photos are often kept elsewhere. (A stranger's zip can bring none:
    `runtime.archive` refuses them.)

    Args:
        strip_prefix: what stands before this folder's own paths in the names, and is taken off.
        archived: further photos by their paths, inside the archive that the folder's files are of.
    """

    def __init__(
        self, root: str | Path, strip_prefix: str | None = None, *, archived: Mapping[str, ArchivedFile] | None = None
    ):
        self.root, self._prefix = Path(root), (strip_prefix or "").replace("\\", "/").rstrip("/") + "/"
        self._given, self._used = archived, set()

    @cached_property
    def _loose(self) -> "_Listing":
        found = {photo.relative_to(self.root).as_posix(): photo for photo in photos_under(self.root)}
        return _Listing({**found, **(self._given or {})})

    @cached_property
    def _archived(self) -> "_Listing":
        """The photos in the archives under the folder: listed when a name is not found outside them."""
        files = [folder / name for folder, names in folders_under(self.root) for name in sorted(names)]
        found: dict[str, PhotoFile] = {}
        for archive in files if self._given is None else ():
            if archive.suffix.lower() in ARCHIVES:
                place = archive.relative_to(self.root).as_posix()
                with suppress(DataError):  # what a damaged one has is missing, and told so
                    found |= {f"{place}/{file.member}": file for file in list_archive(archive) if file.is_photo()}
        return _Listing(found)

    def __len__(self) -> int:
        return len(self._loose.photos)

    def find(self, name: str) -> PhotoFile | None:
        """The photo of that name: by its path under the folder, else the only one whose path ends like it.

        So `a.jpg` finds `images/a.jpg`, and `data/images/a.jpg` does too; `val/a.jpg` does not find `train/a.jpg`. A
        path of another computer, such as `/home/me/val/a.jpg`, finds the photo whose path shares most of its end.
        Composed and decomposed letters are the same. What is not there is looked for in the folder's archives, as if
        each were a folder.
        """
        listing, candidates = self._candidates(name)
        if len(candidates) != 1:
            return None
        self._used.add(candidates[0])
        return listing.photos[candidates[0]]

    def _candidates(self, name: str) -> "tuple[_Listing, list[str]]":
        name = name.replace("\\", "/").removeprefix("./")
        name = name.removeprefix(self._prefix) if len(self._prefix) > 1 else name
        candidates = self._loose.candidates(name) or self._behind_link(name)
        return (self._loose, candidates) if candidates else (self._archived, self._archived.candidates(name))

    def _behind_link(self, name: str) -> list[str]:
        """The photo's listed path, where a name leads to it over a link from inside the folder to its inside."""
        if escapes_root(name):
            return []
        with suppress(OSError, ValueError, RuntimeError):  # such as a name that is too long; a link to itself
            path = (self.root / name).resolve().relative_to(self.root.resolve()).as_posix()
            return [path] if path in self._loose.photos else []
        return []

    def unused(self) -> list[str]:
        """The photos that nothing has asked for; none where nothing was asked for at all."""
        if not self._used:
            return []
        archived = self.__dict__.get("_archived", _Listing({}))  # where they were listed
        return [path for listing in (self._loose, archived) for path in listing.photos if path not in self._used]

    def folder_in_root(self, file: Path) -> str:
        """The folder of a data set's file, under this one; empty at the top."""
        return "/".join(file.parent.relative_to(self.root).parts) if file.is_relative_to(self.root) else ""

    def folder_of(self, file: Path) -> str:
        """`folder_in_root`, where photos are in that folder too; else empty."""
        folder = self.folder_in_root(file)
        return folder if any(path.startswith(f"{folder}/") for path in self._loose.photos) else ""

    def has_in(self, folder: str) -> bool:
        """Whether there are photos in a folder of this name, at the top or one level down."""
        inside = f"{folder}/"
        return any(path.startswith(inside) or path.partition("/")[2].startswith(inside) for path in self._loose.photos)

    def find_or_report(self, name: object, problems: Problems) -> PhotoFile | None:
        """`find`, with the reason counted in `problems` where there is no such photo; a photo in its place as it is."""
        if is_embedded(name):
            return name
        if not isinstance(name, str) or not name.strip():
            problems.add("image names are not text", repr(name)[:80])
            return None
        photo = self.find(name.strip())
        if photo is None:
            printable = name.encode("utf-8", "replace").decode()  # JSON can hold half a character
            problems.add(self._missing_reason(name.strip()), printable)
        return photo

    def _missing_reason(self, name: str) -> str:
        if self._candidates(name)[1]:
            return "image names fit more than one photo"
        return "image names leave the folder" if escapes_root(name) else "images are missing"


class _Listing:
    """Photos by their paths, and the paths that a name may mean."""

    def __init__(self, photos: dict[str, PhotoFile]):
        self.photos = photos
        self._by_name: dict[str, list[str]] = {}
        for path in photos:
            self._by_name.setdefault(_plain(path).rsplit("/", 1)[-1], []).append(path)

    def candidates(self, name: str) -> list[str]:
        """The paths that a name may mean."""
        if name in self.photos:
            return [name]
        plain = self._as_listed(_plain(name))
        same_name = self._by_name.get(plain.rsplit("/", 1)[-1], [])
        if escapes_root(name) or _ADDRESS.match(name):
            if not same_name and _ADDRESS.match(name):
                plain = unquote(_QUERY.split(plain)[0])  # without ?size=large, and with %20 a space
                same_name = self._by_name.get(plain.rsplit("/", 1)[-1], [])
            return _longest_shared_end(PurePosixPath(plain).parts, same_name)
        return [path for path in same_name if _same_ending(plain, _plain(path))]

    def _as_listed(self, name: str) -> str:
        """A name, as a zip or a disk misread it where only so there is a photo of it."""
        if name.isascii() or name.rsplit("/", 1)[-1] in self._by_name:
            return name
        misread = set().union(*(_misread(name, alphabet) for alphabet in _ALPHABETS))
        known = [candidate for candidate in misread if candidate.rsplit("/", 1)[-1] in self._by_name]
        return known[0] if len(known) == 1 else name


def _plain(name: str) -> str:
    """A path as everyone writes it: with each accent in its letter, as macOS does not, and no spaces around a name."""
    name = (name if name.isascii() else normalize("NFC", name)).strip().replace("\\", "/")
    return _SPACES_IN_PATH.sub("/", name) if " " in name else name


def _same_ending(name: str, path: str) -> bool:
    return name == path or path.endswith("/" + name) or name.endswith("/" + path)


def _longest_shared_end(parts: tuple[str, ...], paths: list[str]) -> list[str]:
    """Those of some paths that share the longest end with a path of these parts."""
    shared = {path: _shared_end(parts, PurePosixPath(_plain(path)).parts) for path in paths}
    return [path for path, length in shared.items() if length == max(shared.values())]


def _shared_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((length for length, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _misread(name: str, alphabet: str) -> set[str]:
    """A name of another alphabet as those read it who are not told the alphabet: a zip, and a disk or a tar."""
    try:
        written = name.encode(alphabet)
    except UnicodeError:
        return set()
    return {_plain(written.decode(_ZIP_READS)), _plain(written.decode("utf-8", "surrogateescape"))}
