"""The folder that a run writes into: a Parquet file for each part, and what the run is, so that another can go on."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from runtime.atomic import write_json
from runtime.errors import SettingError, WriteError, printable

from .job import Job, model_checksums
from .parts import Part, digest

ABOUT, FORMAT = "_run.json", 1  # with such a name, who reads the folder as one table passes it over
_DIFFERENT = {  # what of a run differs -> how a sentence says so
    "format": "was made by another version of Glimpse",
    "task": "is of another task",
    "model": "was made with another model, or a changed one",
    "settings": "was made with other options or questions",
    "parts": "was made of other photos, or some were added or taken away since",
}


def part_file(folder: Path, part: Part) -> Path:
    """Where a part's rows are written."""
    return folder / f"part-{part.number:06}.parquet"


@contextmanager
def claim_folder(folder: Path, job: Job, parts: Sequence[Part], column: str | None) -> Iterator[list[Part]]:
    """Take a folder for this run, and give the parts that are not in it yet.

    Raises:
        SettingError: another run writes into it, or it was made by a run of other photos, another model or other
            options, or holds something else. WriteError: it cannot be written.
    """
    name = printable(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise SettingError(f"another run writes into {name}; let it end, or choose another --out.") from None
    except OSError as error:
        raise WriteError(f"{name} cannot be written ({error.strerror or error}); choose another --out.") from None
    try:
        about = {
            "format": FORMAT, "task": type(job).__name__, "model": model_checksums(job),
            "settings": {**job.about(), "image_column": column},
            "parts": {"count": len(parts), "digest": digest(parts)},
        }  # fmt: skip
        _require_same_run(folder, json.loads(json.dumps(about)))
        for left in (*folder.glob(".part-*.writing"), *folder.glob(".part-*.tries")):  # by what was killed
            left.unlink(missing_ok=True)
        done = {file.name for file in folder.glob("part-*.parquet")}
        yield [part for part in parts if part_file(folder, part).name not in done]
    finally:
        lock.release()


def _require_same_run(folder: Path, about: dict) -> None:
    """Write down what the run is, or refuse a folder of another run."""
    file, name = folder / ABOUT, printable(folder)
    others = [path for path in folder.iterdir() if path.name not in (".lock", ABOUT) and path.suffix != ".tries"]
    if not others:
        write_json(file, about)
        return
    if not file.exists():
        raise SettingError(f"{name} holds something else than a run's parts; choose another --out.")
    try:
        recorded = json.loads(file.read_text(encoding="utf-8"))
        why = next((why for key, why in _DIFFERENT.items() if recorded[key] != about[key]), None)
    except (OSError, ValueError, LookupError, TypeError):
        why = "has a damaged " + ABOUT
    if why:
        raise SettingError(f"{name} {why}; choose another --out.")
