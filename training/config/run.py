"""Where a run is written, and what it does beside training."""

from dataclasses import dataclass
from pathlib import Path

from .options import Config


@dataclass(frozen=True, kw_only=True)
class OutputSettings(Config):
    """Where a run is written.

    Attributes:
        out: folder of the run: best/, last/, log.jsonl, TensorBoard.
        cache: folder of decoded photos and features [default: OUT/cache].
        resume: go on where a run in OUT was stopped.
    """

    out: Path
    cache: Path | None = None
    resume: bool = False

    @property
    def cache_folder(self) -> Path:
        return self.cache or self.out / "cache"


@dataclass(frozen=True, kw_only=True)
class RunSettings(OutputSettings):
    """Where a run is written, and what is done before and after training.

    Attributes:
        anyway: train even where the check finds what would ruin the run.
        scores: at the end, score START_FROM and the new model on the same photos.
    """

    anyway: bool = False
    scores: bool = True
