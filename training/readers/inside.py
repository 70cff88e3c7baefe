"""A whole data set in one tar or zip: its texts are laid out for the readers, its photos stay where they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from encoders.archives import ARCHIVES, COMPRESSED_TARS, ArchivedFile, list_archive
from runtime.archive import ArchiveLimits, escapes_root
from runtime.errors import DataError, printable

from . import samples
from .files import ROWS
from .image_folder import ImageFolder, photo_root

_TEXTS = (*ROWS, ".txt", ".caption", ".token")


@contextmanager
def open_data_set(path: Path, strip_prefix: str | None = None) -> Iterator[tuple[Path, ImageFolder]]:
    """Where the files of a data set are, and its photos.

    That is the path itself; or, of an archive that is no row of samples, a folder with its texts for as long as the
    context lasts. Where all of an archive is in one folder, that is taken for the data set's own.

    Raises:
        DataError: the archive is damaged, or its texts are too large.
    """
    if path.name.lower().endswith(COMPRESSED_TARS):
        next(list_archive(path))  # says that it cannot be read
    if not path.is_file() or path.suffix.lower() not in ARCHIVES or samples.columns(path):
        yield path, ImageFolder(photo_root(path), strip_prefix)
        return
    files = [file for file in list_archive(path) if not escapes_root(file.member)]
    tops = {file.member.partition("/")[0] if "/" in file.member else "" for file in files}
    top = f"{tops.pop()}/" if len(tops) == 1 else ""
    top = "" if top == "/" else top
    with TemporaryDirectory() as name:
        _write([file for file in files if file.name.lower().endswith(_TEXTS)], Path(name), top)
        photos = {file.member.removeprefix(top): file for file in files if file.is_photo()}
        try:
            yield Path(name), ImageFolder(name, strip_prefix, archived=photos)
        except DataError as error:
            raise DataError(str(error).replace(name, printable(path))) from None


def _write(texts: list[ArchivedFile], folder: Path, top: str) -> None:
    if sum(file.size for file in texts) > ArchiveLimits().total_bytes:
        raise DataError(f"{printable(texts[0].archive)} has more text in it than is read in place; unpack it first.")
    for file in texts:
        target = folder / file.member.removeprefix(top)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        except OSError as error:
            raise DataError(f"{printable(file)} cannot be read ({error}); unpack the archive first.") from None
