"""Which data are read, and as what."""

from dataclasses import dataclass
from pathlib import Path

from .options import Config


@dataclass(frozen=True, kw_only=True)
class DataSettings(Config):
    """Data sets that are read as one.

    Attributes:
        data: a data set; may be given several times.
        format: of the data; see docs/data.md [default: found by looking].
    """

    data: tuple[Path, ...]
    format: str | None = None


@dataclass(frozen=True, kw_only=True)
class CaptionData(DataSettings):
    """Photos with captions.

    Attributes:
        weights: how often an epoch shows each photo of a data set, one number for each --data: 1,2 [default: once].
        held_out: leave out of training what this data set holds out for val and test; may be given several times.
    """

    weights: str | None = None
    held_out: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class QuestionData(DataSettings):
    """Photos with questions, or with captions that questions are made of.

    Attributes:
        generate: make questions from captions too, where there are both.
    """

    generate: bool = False


@dataclass(frozen=True, kw_only=True)
class ClassFolders(Config):
    """Photos sorted by class.

    Attributes:
        data: the data set: a folder of photos for each class.
    """

    data: Path
