"""How good a model is on a split it was not trained on."""

from collections.abc import Iterator, Sequence

from captioner.model import Captioner
from captioner.search_settings import SearchSettings
from runtime.errors import DataError, PhotoError
from training.readers.records import CaptionRecord

from .captions import caption_scores


def caption_all(
    captioner: Captioner, records: Sequence[CaptionRecord], settings: SearchSettings
) -> Iterator[tuple[CaptionRecord, str | PhotoError]]:
    """Each record with the caption given to its photo, or why that could not be opened."""
    by_photo = {}
    for record in records:
        by_photo.setdefault(record.image, []).append(record)
    for photo, captioned in captioner.stream(by_photo, settings):
        for record in by_photo[photo]:
            yield record, captioned if isinstance(captioned, PhotoError) else captioned.text


def score_captions(captioned: Sequence[tuple[CaptionRecord, str | PhotoError]], *, meteor: bool = False) -> dict:
    """`{"images", "bleu_1" .. "cider"}` on the 0-100 scale; of several data sets, each one's own in `"per_data_set"`.

    Raises:
        DataError: no photo could be captioned.
    """
    pairs = [(record, text) for record, text in captioned if not isinstance(text, PhotoError)]
    if not pairs:
        raise DataError("no photo of this split could be captioned; check the data with `training check`.")
    scores, each = scores_by_set([r for r, _ in pairs], [t for _, t in pairs], meteor=meteor)
    return {"images": len(pairs), **scores} | ({"per_data_set": each} if each else {})


def scores_by_set(
    records: Sequence[CaptionRecord], captions: Sequence[str], *, meteor: bool = False
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Scores of all captions together, and of each data set's own where there are several."""

    def score(rows: Sequence[int]) -> dict[str, float]:
        return caption_scores([captions[i] for i in rows], [list(records[i].captions) for i in rows], meteor=meteor)

    of_set = {}
    for i, record in enumerate(records):
        of_set.setdefault(record.data_set, []).append(i)
    each = {name: score(rows) for name, rows in of_set.items()} if len(of_set) > 1 else {}
    return score(range(len(records))), each
