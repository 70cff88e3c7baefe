"""Which files under a folder are photos: told by their first bytes, so that a photo needs no suffix, or a usual one.

Opens no photo: what is listed here may still be damaged, which `encoders.images.open_photo` says.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from .images import PHOTO_SUFFIXES

_BEGINNINGS = re.compile(
    rb"\xff\xd8\xff"  # JPEG
    rb"|\x89PNG\r\n\x1a\n"
    rb"|GIF8[79]a"
    rb"|RIFF....WEBP"
    rb"|II[*+]\0|MM\0[*+]"  # TIFF, BigTIFF
    rb"|BM.{8}....[\x0c\x28\x40\x6c\x7c]\0\0\0"  # BMP: the size of each header that is in use
    rb"|....ftyp(?:avif|avis|heic|heix|heim|heis|hevc|hevx|mif1|msf1)"  # AVIF, HEIC
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"  # JPEG 2000
    rb"|P[56]\s+(?:#[^\n]*\n\s*)*\d+\s",  # PGM, PPM
    re.DOTALL,
)
_MACOS_SHADOW = "._"  # ._a.jpg holds what macOS knows of a.jpg


def is_photo(path: str | Path) -> bool:
    """Whether a file is a photo: by its suffix where that is a photo's, else by its first bytes."""
    path = Path(path)
    if path.name.startswith(_MACOS_SHADOW) or not path.is_file():  # a pipe is never opened
        return False
    if path.name.lower().endswith(PHOTO_SUFFIXES):
        return True
    try:
        with path.open("rb") as file:
            return _BEGINNINGS.match(file.read(64)) is not None
    except OSError:
        return False


def photos_under(root: str | Path) -> Iterator[Path]:
    """The photos of a folder and of its sub-folders, in alphabetical order.

    Linked folders are entered, since photos are often kept elsewhere; each real folder once, so that a link which
    leads back up does no harm.
    """
    seen = set()
    for name, inner, names in os.walk(root, followlinks=True):
        folder = Path(name)
        real = folder.resolve()
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner.sort(key=lambda name: ((folder / name).is_symlink(), name))
        yield from filter(is_photo, (folder / name for name in sorted(names)))
