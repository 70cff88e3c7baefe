"""Making the splits a data set does not have, from its training photos.

A photo goes where the digest of its file name says, so the same data give the same splits on every machine, from
either of its files, for captions and for questions; all records of a photo stay together.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from .records import CaptionRecord, ObjectRecord, PhotoFile, QuestionRecord

Record = TypeVar("Record", CaptionRecord, QuestionRecord, ObjectRecord)

SHARE = 0.05
MIN_PHOTOS = 3  # photos that can be split: one to train on, one to validate and one to test with
_HELD_OUT = ("test", "val")  # test first: its photos do not depend on whether the data set has a val split


def with_missing_splits(
    records: Sequence[Record], *, share: float = SHARE, seed: int = 1
) -> tuple[list[Record], tuple[str, ...]]:
    """The records, with a val and a test split made of training photos where there was none.

    Args:
        share: of the training photos, for each split that is made; at least one photo.
        seed: another one makes other splits.

    Returns:
        The records in their order, and the names of the splits made: none where there are fewer than 3 photos.
    """
    present = {record.split for record in records}
    photos = {record.image for record in records if record.split == "train"}
    missing = [split for split in _HELD_OUT if split not in present] if len(photos) >= MIN_PHOTOS else []
    count, moved = max(1, round(share * len(photos))), {}
    for split in missing:
        chosen = sorted(photos, key=lambda photo: (_digest(photo, split, seed), str(photo)))[:count]
        moved |= dict.fromkeys(chosen, split)
        photos -= set(chosen)
    changed = [
        replace(record, split=moved[record.image]) if record.split == "train" and record.image in moved else record
        for record in records
    ]
    return changed, tuple(missing)


def _digest(photo: PhotoFile, split: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{split}/{photo.name}".encode("utf-8", "surrogateescape")).digest()
