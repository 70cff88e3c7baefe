"""A text file beside each photo: `a.jpg` and `a.txt` (or `a.caption`), a caption a line.

As people have it who train image generators. The split is in the folder's name (`val/a.jpg`), else a photo is for
training. A photo without a text, and a text without a photo, are left out.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from encoders.formats import is_photo
from encoders.photo_files import folders_under

from .caption_list import CaptionList
from .cells import split_in
from .files import read_text

LOOKED_FOR = "a text file beside each photo, a.txt beside a.jpg"
_TEXTS = (".txt", ".caption")


def recognise(path: Path) -> list[Path]:
    """The folder itself, where a photo in it or in a sub-folder has a text of its name beside it."""
    return [path] if path.is_dir() and next(_pairs(path), None) else []


def _pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each photo with its text."""
    for place, names in folders_under(folder):
        texts = {Path(name).stem: name for name in names if name.lower().endswith(_TEXTS)}
        for name in sorted(names) if texts else ():
            if not name.lower().endswith(_TEXTS) and Path(name).stem in texts and is_photo(place / name):
                yield place / name, place / texts[Path(name).stem]


def read(folder: Path, captions: CaptionList) -> None:
    """Every photo that has a text. Raises DataError where a text cannot be read."""
    for photo, text in _pairs(folder):
        name = photo.relative_to(folder).as_posix()
        lines = [line for line in read_text(text).split("\n") if line.strip()]
        split = split_in(PurePosixPath(name).parent.as_posix()) or "train"
        captions.add(image=name, image_id=name, captions=lines, split=split)
