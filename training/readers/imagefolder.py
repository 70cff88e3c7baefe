"""The imagefolder convention of Hugging Face datasets: `metadata.jsonl` or `metadata.csv` among the photos.

A row is `{"file_name": "a.jpg", "text": "A dog ."}`; `caption`, and `captions` with a list, are known too. Names are
relative to the metadata file. It stands at the top, or one stands in each of `train/`, `validation/` and `test/`,
which then are the splits, unless a row has its own `split`.
"""

from pathlib import Path

from .caption_list import CaptionList
from .caption_tables import METADATA, add_rows, is_table
from .cells import split_in
from .columns import USUAL, Columns

LOOKED_FOR = "metadata.jsonl or metadata.csv with the columns file_name and text"


def recognise(path: Path, column_names: Columns = USUAL) -> list[Path]:
    """The metadata files of a folder and its sub-folders, or the one file that a path names."""
    if path.is_file():
        return [path] if path.name in METADATA and is_table(path, column_names) else []
    files = [file for name in METADATA for start in ("", "*/") for file in sorted(path.glob(start + name))]
    one_each = {file.parent: file for file in reversed(files)}  # a folder's two say the same: the first is read
    return [file for _, file in sorted(one_each.items()) if is_table(file, column_names)]


def read(file: Path, captions: CaptionList) -> None:
    """Every photo of one metadata file. Raises DataError where it cannot be read."""
    folder = "/".join(file.parent.relative_to(captions.photos.root).parts)
    add_rows(file, captions, split=split_in(folder), folder=folder)
