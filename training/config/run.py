"""Where a run is written, and what it does beside training."""

from dataclasses import dataclass
from pathlib import Path

from runtime.errors import SettingError, printable

from .options import Config


@dataclass(frozen=True, kw_only=True)
class OutputSettings(Config):
    """Where a run is written.

    Attributes:
        out: folder of the run: best/, last/, log.jsonl, TensorBoard.
        cache: folder of decoded photos and features [default: OUT/cache].
        resume: go on where a run in OUT was stopped.
        overwrite: begin anew in OUT, and lose the run that is there.
    """

    out: Path
    cache: Path | None = None
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self):
        if self.resume and self.overwrite:
            raise SettingError("--resume goes on with the run that --overwrite would lose; leave one of them out.")

    @property
    def cache_folder(self) -> Path:
        return self.cache or self.out / "cache"

    def keep_earlier_run(self) -> None:
        """Raise SettingError where OUT holds a run that training would overwrite unasked."""
        used = any((self.out / name).exists() for name in ("resume.pt", "best", "last"))
        if used and not (self.resume or self.overwrite):
            raise SettingError(f"{printable(self.out)} holds an earlier run; go on with it by --resume, give it up by "
                               "--overwrite, or choose another --out.")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunSettings(OutputSettings):
    """Where a run is written, and what is done before and after training.

    Attributes:
        anyway: train even where the check finds what would ruin the run.
        scores: at the end, score START_FROM and the new model on the same photos.
        cache_engine: `ray`: what frozen layers make of photos is computed by Ray's processes, on CPUs
            [default: by this process, or by those of torchrun].
        workers: with --cache-engine ray: processes [default: one a core].
        address: with --cache-engine ray: a running cluster's, HOST:6379 or ray://HOST:10001.
    """

    anyway: bool = False
    scores: bool = True
    cache_engine: str | None = None
    workers: int | None = None
    address: str | None = None

    def __post_init__(self):
        super().__post_init__()
        self._require_one_of("cache_engine", "ray")
        self._require_at_least(1, "workers")
        idle = self._non_default("workers", "address")
        if idle and not self.cache_engine:
            raise SettingError(f"{idle[0]} does nothing without --cache-engine ray; leave it out.")
