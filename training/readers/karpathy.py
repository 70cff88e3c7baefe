"""Karpathy's JSON (Karpathy & Fei-Fei 2015): Flickr8k, Flickr30k and COCO in one shape, with the usual splits.

`{"images": [{"filename", "filepath", "split", "imgid", "sentences": [{"raw", "tokens", "sentid"}]}]}`. The split
`restval` (COCO's validation photos that are in neither val nor test) is training data, as everyone uses it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import DataError, printable

from .caption_list import CaptionList, UniqueIds
from .cells import split_in, text_of
from .files import head, read_json
from .records import Problems

LOOKED_FOR = "Karpathy's JSON named dataset*.json"


def recognise(path: Path) -> list[Path]:
    """The `dataset*.json` files of a folder and its sub-folders, or the one file that a path names."""
    if path.is_file():
        is_one = path.suffix.lower() == ".json" and re.match(rb'\s*\{.*"(sentences|sentids)"\s*:', head(path), re.S)
        return [path] if is_one else []
    files = sorted([*path.glob("dataset*.json"), *path.glob("*/dataset*.json")])
    return [file for file in files if file.is_file() and recognise(file)]


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of one file. Raises DataError where it is not JSON, or not of this shape."""
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise DataError(f"{printable(file)} has no list of images; give a file in Karpathy's shape.")
    first_image = UniqueIds("image ids are given twice", captions.problems)
    first_caption = UniqueIds("caption ids are given twice", captions.problems)
    for row in _rows(content["images"], "images", captions.problems):
        key, split = text_of(row.get("imgid")), row.get("split")
        if first_image(key):
            sentences = _rows(row.get("sentences"), "captions", captions.problems)
            captions.add(
                image=row.get("filename"),
                image_id=text_of(row.get("cocoid")) or key or str(row.get("filename")),
                captions=[_text(s) for s in sentences if first_caption(text_of(s.get("sentid")))],
                split=split_in(split) if isinstance(split, str) else None,
                folder=row.get("filepath"),
            )


def _rows(rows: object, what: str, problems: Problems) -> Iterator[dict]:
    """Those that are objects; the others are counted."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield row
        else:
            problems.add(f"{what} are not in the right form", repr(row)[:80])


def _text(sentence: dict) -> object:
    """A caption as written, or made of its words where the file has only those."""
    tokens = sentence.get("tokens")
    has_words = isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)
    return sentence.get("raw", " ".join(tokens) if has_words else None)
