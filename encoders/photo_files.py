"""The photos under a folder; which files are photos, `encoders.formats` tells.

Opens no photo: what is listed here may still be damaged, which `encoders.images.open_photo` says.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from .formats import is_photo


def photos_under(root: str | Path) -> Iterator[Path]:
    """The photos of a folder and of its sub-folders, in alphabetical order.

    Linked folders are entered, since photos are often kept elsewhere.
    """
    for folder, names in folders_under(root):
        yield from filter(is_photo, (folder / name for name in sorted(names)))


def folders_under(root: str | Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and its sub-folders, in alphabetical order, each with the names of its files.

    Linked folders too; each real folder once, so that a link which leads back up does no harm.
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
        yield folder, names
