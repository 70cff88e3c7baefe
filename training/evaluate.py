"""How good a model is on a split it was not trained on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from captioner.model import Captioner
from captioner.search import SearchSettings
from encoders.errors import DataError, PhotoError

from .metrics.captions import caption_scores
from .readers.records import CaptionRecord


def caption_all(
    captioner: Captioner, records: Sequence[CaptionRecord], settings: SearchSettings
) -> Iterator[tuple[CaptionRecord, str | PhotoError]]:
    """Each record with the caption given to its photo, or why that could not be opened."""
    by_photo = {}
    for record in records:
        by_photo.setdefault(Path(record.image), []).append(record)
    for photo, said in captioner.stream(by_photo, settings):
        for record in by_photo[photo]:
            yield record, said if isinstance(said, PhotoError) else said.text


def score_captions(said: Sequence[tuple[CaptionRecord, str | PhotoError]], *, meteor: bool = False) -> dict:
    """`{"images", "bleu_1" .. "cider"}` on the 0-100 scale.

    Raises:
        DataError: no photo could be captioned.
    """
    pairs = [(record, text) for record, text in said if not isinstance(text, PhotoError)]
    if not pairs:
        raise DataError("no photo of this split could be captioned; check the data with `training check`.")
    scores = caption_scores([t for _, t in pairs], [list(r.captions) for r, _ in pairs], meteor=meteor)
    return {"images": len(pairs), **scores}
