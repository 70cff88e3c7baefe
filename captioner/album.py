"""Many photos captioned in one go, and their captions written as a table, as JSON lines and in COCO's form."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from encoders.archives import ARCHIVES, ArchivedFile, list_archive
from encoders.photo_files import photos_under
from runtime.archive import ArchiveLimits, unpack
from runtime.errors import PhotoError, SettingError, printable

from .caption import Caption
from .search_settings import SearchSettings

LIMITS = ArchiveLimits(members=5000, total_bytes=2 << 30)  # of an album that somebody uploads
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclass(frozen=True)
class Entry:
    """One photo of an album.

    Attributes:
        name: as people know it: its path in the album's folder.
        caption: what the captioner says of it; None where it could not be opened.
        error: why it could not be opened, in a sentence that names it so too; None where it could.
    """

    name: str
    path: Path | ArchivedFile
    caption: Caption | None
    error: str | None

    def to_json(self) -> dict:
        """As a line of the command line's output."""
        return {"image": self.name, **(self.caption.to_json() if self.caption else {"error": self.error})}


def photos_in(sources: Iterable[str | Path]) -> list[Path | ArchivedFile]:
    """The photos named, and those in the folders named (at any depth, recognised by content, in alphabetical order).

    Photos in a tar or zip that is named come in its order, and are read in place.

    Raises:
        SettingError: there are none. DataError: a tar or zip is damaged.
    """
    sources = [Path(source) for source in sources]
    found = []
    for source in sources:
        if source.is_dir():
            found += sorted(photos_under(source))
        elif source.suffix.lower() in ARCHIVES and source.is_file():
            found += filter(ArchivedFile.is_photo, list_archive(source))
        else:
            found.append(source)
    if not found:
        raise SettingError(f"there are no photos in {', '.join(map(printable, sources))}; name another folder.")
    return found


def album(
    captioner, paths: Iterable[Path | ArchivedFile], settings: SearchSettings | None = None, *, root: Path | None = None
) -> Iterator[Entry]:
    """Caption photos, in the order given; one that cannot be opened is an Entry with its error.

    Args:
        captioner: a Captioner.
        root: the folder in which the photos are named by their path; a photo outside it, and every photo where there
            is no root, is named by its file name alone.
    """
    paths = [path if isinstance(path, ArchivedFile) else Path(path) for path in paths]
    for path, result in captioner.stream(paths, settings):
        inside = root and isinstance(path, Path) and path.is_relative_to(root)
        name = printable(path.relative_to(root).as_posix() if inside else path.name)
        failed = isinstance(result, PhotoError)
        # Where it is on the disk is nobody's business.
        error = str(result).replace(printable(path), name) if failed else None
        yield Entry(name, path, None if failed else result, error)


def uploaded_album(
    captioner, files: Iterable[str | Path], folder: Path, *, limits: ArchiveLimits = LIMITS
) -> tuple[int, Iterator[Entry]]:
    """Caption photos and zips of photos, the zips first: how many photos there are, and their entries.

    Args:
        folder: the zips are unpacked into it; keep it until the entries are done with.
        limits: of each zip; and so many photos in all.

    Raises:
        DataError: a zip is damaged, unsafe or too large. SettingError: there are no photos in it, or too many in all.
    """
    files = [Path(file) for file in files]
    zips = [file for file in files if file.suffix.lower() == ".zip"]
    roots = [unpack(file, folder / str(number), limits=limits) for number, file in enumerate(zips)]
    albums = [(photos_in([root]), root) for root in roots]
    albums.append(([file for file in files if file not in zips], None))
    total = sum(len(paths) for paths, _ in albums)
    if total > limits.members:
        raise SettingError(f"{total:,} photos are too many at once; give at most {limits.members:,}.")
    return total, (entry for paths, root in albums for entry in album(captioner, paths, root=root))


def write_csv(entries: Iterable[Entry], path: str | Path) -> None:
    """A table with the columns image, caption and error, safe to open in a spreadsheet.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, as spreadsheets themselves do it.
    """
    with Path(path).open("w", encoding="utf-8-sig", newline="") as file:  # the mark tells Excel that it is UTF-8
        table = csv.writer(file)
        table.writerow(["image", "caption", "error"])
        for entry in entries:
            table.writerow(map(_plain, (entry.name, entry.caption.text if entry.caption else "", entry.error or "")))


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_jsonl(entries: Iterable[Entry], path: str | Path) -> None:
    """JSON lines, as `python -m captioner --json` prints them: words, probabilities, alternatives."""
    with Path(path).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(entry.to_json()) + "\n" for entry in entries)


def write_coco(entries: Iterable[Entry], path: str | Path) -> None:
    """A data set of captions in COCO's form, which `training` reads; photos that could not be opened are left out."""
    good = [entry for entry in entries if entry.caption]
    images = [{"id": number, "file_name": entry.name} for number, entry in enumerate(good, 1)]
    captions = [
        {"id": number, "image_id": number, "caption": entry.caption.text} for number, entry in enumerate(good, 1)
    ]
    Path(path).write_text(json.dumps({"images": images, "annotations": captions}, indent=1), encoding="utf-8")
