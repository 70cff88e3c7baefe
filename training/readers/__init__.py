"""Files on disk to records, one file a format; `read_captions` takes any data set of captions."""

from pathlib import Path

from runtime.errors import DataError, SettingError, shown

from . import caption_tables, coco, flickr8k, flickr30k, imagefolder, karpathy
from .caption_list import CaptionList
from .files import outputs_in
from .image_folder import ImageFolder
from .records import Dataset, Problems
from .splits import with_missing_splits

FORMATS = {
    "flickr8k": flickr8k,
    "karpathy": karpathy,
    "coco": coco,
    "flickr30k": flickr30k,
    "imagefolder": imagefolder,
    "table": caption_tables,
}
_ANNOTATION_FOLDERS = ("annotations", "flickr8k_text")  # the photos are beside these, not in them


def read_captions(path: str | Path, format: str | None = None) -> Dataset:
    """Read a data set of captions.

    Args:
        path: the folder with captions and photos, or the captions file, with the photos in its folder.
        format: one of `FORMATS`; recognised where None.

    Returns:
        A Dataset of CaptionRecord, one a photo. What was left out, and why, is in its `problems`; a val or test
        split that was not there is made from training photos, and named in `made`.

    Raises:
        SettingError: there is no such format.
        DataError: nothing there is a data set of captions, a file of it is damaged, or no caption is usable.
    """
    if format is not None and format not in FORMATS:
        raise SettingError(f"format {format!r} is not known; choose one of {', '.join(FORMATS)}.")
    path = Path(path)
    name, files = _recognised(path, [format] if format else list(FORMATS))
    captions = CaptionList(ImageFolder(_photo_root(path)), Problems())
    for file in outputs_in(path):
        captions.problems.add("files are what a model said, and nothing to learn from", file.name)
    for file in files:
        FORMATS[name].read(file, captions)
    if not captions.records:
        why = "; ".join(captions.problems.sentences()) or "it has no photo with a caption"
        raise DataError(f"{shown(path)} gives no caption that can be used ({why}); give the folder that has both the "
                        "captions and the photos in it.")  # fmt: skip
    records, made = with_missing_splits(captions.records)
    return Dataset(name, records, captions.problems, made)


def _recognised(path: Path, formats: list[str]) -> tuple[str, list[Path]]:
    """The one format of a path, and its files."""
    if not path.exists():
        raise DataError(f"{shown(path)} does not exist; check the spelling of the path.")
    found = {name: files for name in formats if (files := FORMATS[name].recognise(path))}
    if not found:
        wanted = FORMATS[formats[0]].LOOKED_FOR if len(formats) == 1 else f"one of {len(formats)} formats"
        raise DataError(
            f"{shown(path)} is no data set of captions that is known; looked for {wanted}. The simplest is a CSV file "
            "with the columns image and caption beside the photos; docs/data.md shows them all."
        )
    if len(found) > 1:
        files = " and ".join(f"{name} ({shown(files[0].name)})" for name, files in found.items())
        raise DataError(f"{shown(path)} has captions in more than one format, {files}; choose one with --format.")
    return next(iter(found.items()))


def _photo_root(path: Path) -> Path:
    """The folder that photos are looked for in, and nowhere else."""
    folder = path if path.is_dir() else path.parent
    return folder.parent if path != folder and folder.name.lower() in _ANNOTATION_FOLDERS else folder
