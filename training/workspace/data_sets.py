"""The data sets that the page may train on: those of its workspace and of one more folder, and nothing else."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from runtime.archive import ArchiveLimits, unpack
from runtime.errors import DataError, SettingError, WriteError, printable
from training.checks.report import Report
from training.config.data import ColumnSettings

from .corrections import Corrections

DATA_KINDS = {"captioner": "captions", "vqa": "questions"}  # what each kind of model is trained on
MAX_NAME = 60


@dataclass(frozen=True)
class DataSets:
    """The data sets of a workspace.

    Args:
        uploads: the folder for uploaded ones.
        corrections: what visitors put right.
        data_root: a folder whose folders may be trained on too.
    """

    uploads: Path
    corrections: Corrections
    data_root: Path | None = None

    def list(self, kind: str) -> list[tuple[str, str]]:
        """(name, path) of each that a model of this kind (`captioner` or `vqa`) can be trained on."""
        found = []
        for root in filter(None, (self.data_root, self.uploads)):
            folders = sorted(p for p in root.iterdir() if not p.name.startswith(".")) if root.is_dir() else []
            found += [(folder.name, str(folder)) for folder in folders if folder.is_dir()]
        corrections = self.corrections
        folder = corrections.captions_folder if kind == "captioner" else corrections.questions_folder
        corrected = [(f"The corrections made on this page ({len(corrections):,})", str(folder))]
        return [*found, *(corrected if folder.exists() else [])]

    def find(self, given: str | None) -> Path:
        """The path of a data set, which must be in the data root or the workspace, wherever links lead.

        Raises:
            SettingError: it is not, or there is none.
        """
        if not given or "\0" in given:
            raise SettingError("there is no data set yet; choose one, or upload a zip.")
        path = Path(self.data_root or self.uploads, given).resolve()
        allowed = filter(None, (self.uploads, self.corrections.folder, self.data_root))
        if not any(path.is_relative_to(root.resolve()) for root in allowed):
            raise SettingError(
                f"{printable(given)} is not among the data sets of this page; put it in the folder of --data-root."
            )
        return path

    def add(self, file: str | Path) -> Path:
        """Unpack an uploaded zip as a data set, under its name or the next one free. At most half the disk is taken.

        Raises:
            DataError: as `unpack` does. WriteError: the disk is full, or cannot be written.
        """
        name = re.sub(r"[^\w-]+", "-", Path(file).stem).strip("-")[:MAX_NAME] or "data"
        names = (name, *(f"{name}-{n}" for n in range(2, 1000)))
        try:
            self.uploads.mkdir(parents=True, exist_ok=True)
            with FileLock(self.uploads / ".lock"):  # or another server takes the same name meanwhile
                free = shutil.disk_usage(self.uploads).free
                if free // 2 < Path(file).stat().st_size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                most = min(ArchiveLimits.total_bytes, free // 2)
                free_name = next(name for name in names if not (self.uploads / name).exists())
                return unpack(file, self.uploads / free_name, limits=ArchiveLimits(total_bytes=most))
        except OSError as error:
            raise WriteError(
                f"{printable(self.uploads)} cannot take the data set ({error.strerror or error}); make room, or start "
                "the page with another --workspace."
            ) from None


def run_check(
    data: Path, kind: str, start_from: str | Path | None, *, columns: Mapping | None = None, count: int, tune: bool
) -> Report:
    """What `python -m training check` finds in data that such a model would be trained on.

    A process of its own: its memory is measured, and given back.

    Args:
        kind: `captioner` or `vqa`.
        columns: options that name a table's columns, as `columns_of` gives them.
        count: how often a word must occur to be learnt.
        tune: whether the encoder would be trained too.

    Raises:
        DataError: the data cannot be read.
    """
    options = [
        "--json",
        "--kind",
        DATA_KINDS[kind],
        "--min-count",
        str(count),
        *(["--finetune-encoder"] if tune else []),
    ]
    options += ColumnSettings.of(**(columns or {})).arguments()
    options += ["--start-from", str(start_from)] if start_from else []
    command = [sys.executable, "-m", "training", "check", str(data), *options]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    try:
        return parse_report(done.stdout)
    except ValidationError:
        raise DataError(_error_sentence(done.stdout)) from None


def _error_sentence(line: str) -> str:
    """The sentence of `{"error": {"code", "sentence"}}`, which a check prints that found no report to give."""
    try:
        return json.loads(line)["error"]["sentence"]
    except (ValueError, KeyError, TypeError):
        return "this data set cannot be checked; run `python -m training check` on it to see why."


def parse_report(line: str) -> Report:
    """A report from its JSON."""
    return TypeAdapter(Report).validate_json(line)
