"""Files on disk to records, one file a format; `read_captions` takes any data set of captions."""

from collections.abc import Iterable
from pathlib import Path

from runtime.errors import DataError, SettingError, printable

from . import caption_tables, coco, flickr8k, flickr30k, imagefolder, karpathy, sidecar
from .caption_list import CaptionList
from .columns import USUAL, Columns
from .files import model_outputs_in
from .image_folder import ImageFolder
from .inside import open_data_set
from .records import Dataset, Problems
from .splits import with_missing_splits

FORMATS = {
    "flickr8k": flickr8k,
    "karpathy": karpathy,
    "coco": coco,
    "flickr30k": flickr30k,
    "imagefolder": imagefolder,
    "table": caption_tables,
    "sidecar": sidecar,
}
_IN_COLUMNS = ("imagefolder", "table")  # the formats whose columns can be named


def read_captions(path: str | Path, format: str | None = None, columns: Columns = USUAL) -> Dataset:
    """Read a data set of captions.

    Args:
        path: the folder with captions and photos, or the captions file, with the photos in its folder.
        format: one of `FORMATS`; recognised where None.
        columns: of a table, where they have other names than the usual ones.

    Returns:
        A Dataset of CaptionRecord, one a photo. What was left out, and why, is in its `problems`; a val or test
        split that was not there is made from training photos, and named in `made`.

    Raises:
        SettingError: there is no such format.
        DataError: nothing there is a data set of captions, a file of it is damaged, or no caption is usable.
    """
    if format is not None and format not in FORMATS:
        raise SettingError(f"format {format!r} is not known; choose one of {', '.join(FORMATS)}.")
    with open_data_set(Path(path), columns.strip_prefix) as (place, photos):
        return _read(place, photos, format, columns)


def _read(path: Path, photos: ImageFolder, format: str | None, columns: Columns) -> Dataset:
    name, files = _recognised(path, [format] if format else list(FORMATS), columns)
    captions = CaptionList(photos, Problems(), columns)
    for file in model_outputs_in(path):
        captions.problems.add("files are what a model said, and nothing to learn from", file.name)
    for file in files:
        FORMATS[name].read(file, captions)
    if not captions.records:
        why = "; ".join(captions.problems.sentences()) or "it has no photo with a caption"
        raise DataError(f"{printable(path)} gives no caption that can be used ({why}); give the folder that has both "
                        "the captions and the photos in it.")  # fmt: skip
    records, made = with_missing_splits(captions.records)
    return Dataset(name, records, captions.problems, made, tuple(photos.unused()))


def files_by_format(path: Path, columns: Columns = USUAL, formats: Iterable[str] = FORMATS) -> dict[str, list[Path]]:
    """The files of captions there, by their formats; none where there are no captions."""
    with open_data_set(path) as (place, _):
        return _files_by_format(place, columns, formats)


def _files_by_format(path: Path, columns: Columns, formats: Iterable[str]) -> dict[str, list[Path]]:
    if columns.named():
        found = {name: FORMATS[name].recognise(path, columns) for name in formats if name in _IN_COLUMNS}
    else:
        found = {name: FORMATS[name].recognise(path) for name in formats}
    return {name: files for name, files in found.items() if files}


def _recognised(path: Path, formats: list[str], columns: Columns) -> tuple[str, list[Path]]:
    """The one format of a path, and its files."""
    if not path.exists():
        raise DataError(f"{printable(path)} does not exist; check the spelling of the path.")
    found = _files_by_format(path, columns, formats)
    if not found:
        wanted = FORMATS[formats[0]].LOOKED_FOR if len(formats) == 1 else f"one of {len(formats)} formats"
        raise DataError(
            caption_tables.missing_columns(path, columns)
            or f"{printable(path)} is no data set of captions that is known; looked for {wanted}. The simplest is a "
            "CSV file with the columns image and caption beside the photos; docs/data.md shows them all."
        )
    if len(found) > 1:
        files = " and ".join(f"{name} ({printable(files[0].name)})" for name, files in found.items())
        raise DataError(f"{printable(path)} has captions in more than one format, {files}; choose one with --format.")
    return next(iter(found.items()))
