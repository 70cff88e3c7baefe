"""Flickr8k (Hodosh et al. 2013): a token file of captions, and official lists of the photos of each split.

A line of `Flickr8k.token.txt` is `1000268201_693b08cb0e.jpg#0<tab>A child in a pink dress .`; the lists
`Flickr_8k.trainImages.txt`, `.devImages.txt` and `.testImages.txt` stand beside it. A photo in none of them is left
out, as the field does. Flickr30k's token file has the same lines and no lists.
"""

import re
from pathlib import Path

from .caption_list import CaptionList, UniqueIds
from .files import head, read_text
from .records import Problems

LOOKED_FOR = "a token file such as Flickr8k.token.txt"
_LISTS = {"trainImages": "train", "devImages": "val", "testImages": "test"}  # the last wins a photo of two lists
_LINE = re.compile(r"([^\t]+)#(\d+)\t(.*)")


def recognise(path: Path) -> list[Path]:
    """The token files of a folder and its sub-folders, or the one file that a path names."""
    if path.is_file():
        return [path] if re.match(rb"[^\t\n]+#\d+\t", head(path)) else []
    files = sorted([*path.glob("*.token*"), *path.glob("*/*.token*")])
    return [file for file in files if "lemma" not in file.name and file.is_file() and recognise(file)]


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of a token file. Raises DataError where it, or a list, cannot be read."""
    splits = _splits(file.parent, captions.problems)
    captions_by_image = _captions_of_each(file, captions.problems)
    for image, texts in captions_by_image.items():
        split = splits.get(image) if splits else "train"
        captions.add(image=image, image_id=image, captions=texts, split=split)
    for image in splits:
        if image not in captions_by_image:
            captions.problems.add("listed images have no captions", image)


def _splits(folder: Path, problems: Problems) -> dict[str, str]:
    """Image name -> split; empty where there are no lists."""
    splits: dict[str, str] = {}
    for name, split in _LISTS.items():
        for file in sorted(folder.glob(f"*{name}.txt")):
            for image in filter(None, map(str.strip, read_text(file).split("\n"))):
                if splits.get(image, split) != split:
                    problems.add("images are in two lists and are kept out of the earlier one", image)
                splits[image] = split
    return splits


def _captions_of_each(file: Path, problems: Problems) -> dict[str, list[str]]:
    """Image name -> its captions."""
    captions_by_image: dict[str, list[str]] = {}
    first = UniqueIds("caption ids are given twice", problems)
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        match = _LINE.fullmatch(line)
        if match and first(f"{match[1]}#{match[2]}"):
            captions_by_image.setdefault(match[1], []).append(match[3])
        elif not match and line.strip():
            problems.add("lines are not an image, # and a number, a tab and a caption", f"{file.name} line {number}")
    return captions_by_image
