"""Which data are read, and as what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import Config


@dataclass(frozen=True, kw_only=True)
class ColumnSettings(Config):
    """The columns of a table that have other names than the usual ones.

    Attributes:
        image_column: of the photos' names, or of the photos themselves.
        caption_column: of captions; may be given several times, or as a pattern such as caption_*.
        question_column: of questions.
        answer_column: of answers.
        split_column: of the splits' names.
        strip_prefix: what stands before DATA's own paths in its photos' names.
    """

    image_column: str | None = None
    caption_column: tuple[str, ...] = ()
    question_column: str | None = None
    answer_column: str | None = None
    split_column: str | None = None
    strip_prefix: str | None = None

    @property
    def names(self) -> dict[str, Any]:
        """The arguments of `training.readers.columns.Columns`, which checks them."""
        return {
            "image": self.image_column, "captions": self.caption_column, "question": self.question_column,
            "answer": self.answer_column, "split": self.split_column, "strip_prefix": self.strip_prefix,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DataSettings(Config):
    """Data sets that are read as one.

    Attributes:
        data: a data set; may be given several times.
        format: of the data; see docs/data.md [default: found by looking].
    """

    data: tuple[Path, ...]
    format: str | None = None
    columns: ColumnSettings = ColumnSettings()


@dataclass(frozen=True, kw_only=True)
class TrainingData(DataSettings):
    """Data sets to train on.

    Attributes:
        weights: how often an epoch shows each photo of a data set, one number for each --data: 1,2 [default: once].
    """

    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class CaptionData(TrainingData):
    """Photos with captions.

    Attributes:
        held_out: leave out of training what this data set holds out for val and test; may be given several times.
    """

    held_out: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuestionData(DataSettings):
    """Photos with questions, or with captions or object labels that questions are made of.

    Attributes:
        generate: make questions from captions and object labels too, where there are both.
    """

    generate: bool = False


@dataclass(frozen=True, kw_only=True)
class QuestionTrainingData(QuestionData, TrainingData):
    """Photos with questions, to train on.

    Attributes:
        generate_seeds: make questions from the captions of training photos so many times, each time with other wordings
            and other photos to answer no to. What has been asked is not asked again.
    """

    generate_seeds: int = 1

    def __post_init__(self):
        self._require_at_least(1, "generate_seeds")


@dataclass(frozen=True, kw_only=True)
class ClassFolders(Config):
    """Photos sorted by class.

    Attributes:
        data: the data set: a folder of photos for each class.
    """

    data: Path
