"""The captions that people name on the command line: several data sets as one."""

from collections.abc import Sequence
from pathlib import Path

from training.readers import files_by_format, read_captions
from training.readers.columns import USUAL, Columns
from training.readers.questions import read_questions
from training.readers.records import CaptionRecord, Dataset, QuestionRecord
from training.readers.several import drop_held_out, read_several


def read_training_captions(
    paths: Sequence[Path], format: str | None = None, *, held_out: Sequence[Path] = (), columns: Columns = USUAL
) -> Dataset:
    """Read data sets of captions as one.

    Args:
        columns: of their tables, where they have other names than the usual ones.
        held_out: other data sets, of captions or questions; their val and test photos are not trained on here either.
    """
    found = read_several(paths, format, columns)
    if held_out:
        photos = {record.image for path in held_out for record in _read_any(path) if record.split != "train"}
        found.records = drop_held_out(found.records, found.problems, held_out=photos)
    return found


def _read_any(path: Path) -> list[CaptionRecord] | list[QuestionRecord]:
    return (read_captions if files_by_format(path) else read_questions)(path).records
