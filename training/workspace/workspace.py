"""What the page keeps between visits, in one folder: corrections, data sets, runs, and what a run can begin with."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import captioner
import vqa
from runtime.bundled import resolve_model
from training.checks.report import Report

from .columns import columns_of
from .corrections import Corrections
from .data_sets import DataSets, run_check
from .runs import Runs

NEW, PAGE_MODEL = "new", "given"  # what a run can begin with, beside the models of earlier runs, by their names
PACKAGES = {"captioner": captioner, "vqa": vqa}


@dataclass(frozen=True)
class Workspace:
    """One workspace, which threads may share. `kind` is `captioner` or `vqa` throughout.

    Args:
        data_root: a folder whose folders can be trained on too.
        initial_models: kind -> the name of the model that the page began with, which may be missing.
    """

    folder: Path
    data_root: Path | None
    initial_models: dict[str, str]

    @cached_property
    def corrections(self) -> Corrections:
        return Corrections(self.folder / "corrections")

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.folder)

    @cached_property
    def data_sets(self) -> DataSets:
        return DataSets(self.folder / "data", self.corrections, self.data_root)

    def start_points(self, kind: str) -> list[tuple[str, str]]:
        """(label, value) of what a run can begin with, the best first."""
        package, name = PACKAGES[kind], self.initial_models[kind]
        label = "The bundled model" if name == package.BUNDLED else "The model this page began with"
        current = [(label, PAGE_MODEL)] if resolve_model(name).exists() else []
        done = [run.name for run in self.runs.list() if run.about["kind"] == kind and run.state == "done"]
        return [*current, *((name, name) for name in done), ("A new model that knows nothing yet", NEW)]

    def options(self, kind: str, start_point: str) -> dict:
        """Options of `python -m training` for such a beginning. Raises SettingError where it is none."""
        if start_point == PAGE_MODEL:
            return {"start_from": self.initial_models[kind]}
        if start_point != NEW:
            return {"start_from": self.runs.get(start_point).model}
        return {"encoder_weights": str(resolve_model(captioner.BUNDLED))} if kind == "captioner" else {}

    def check(self, kind: str, data: str | None, start_point: str, *, columns: str, count: int, tune: bool) -> Report:
        """What is found in a data set. Raises as `DataSets.find`, `columns_of` and `run_check` do."""
        start_from, named = self.options(kind, start_point).get("start_from"), columns_of(columns)
        return run_check(self.data_sets.find(data), kind, start_from, columns=named, count=count, tune=tune)
