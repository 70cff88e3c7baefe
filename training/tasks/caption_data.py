"""The captions that people name on the command line: several data sets as one, with their weights."""

from collections.abc import Sequence
from pathlib import Path

from runtime.errors import SettingError
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


def data_set_weights(text: str | None, found: Dataset) -> dict[str, float]:
    """`1,2` -> each data set's weight, in the order they were given.

    Raises:
        SettingError: it is not one number above 0 for each.
    """
    if text is None:
        return {}
    names = list(dict.fromkeys(record.data_set for record in found.records))
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = []
    if len(weights) != len(names) or not all(0 < weight <= 100 for weight in weights):
        raise SettingError(f"--weights is {text!r}; give {len(names)} numbers above 0, one for each --data, such as "
                           f"{','.join(['1'] * len(names))}.")  # fmt: skip
    return dict(zip(names, weights, strict=True))
