"""`python -m training study NAME --out DIR`."""

from dataclasses import fields

from runtime.command import print_error
from runtime.errors import SettingError
from training.config.commands import StudyConfig
from training.study.captioners import CaptionerSettings
from training.study.choices import choices
from training.study.gradients import GradientSettings, gradients
from training.study.odyssey import odyssey
from training.study.reach import ReachSettings, reach

STUDIES = {
    "gradients": (gradients, GradientSettings), "reach": (reach, ReachSettings),
    "odyssey": (odyssey, CaptionerSettings), "choices": (choices, CaptionerSettings),
}  # fmt: skip


def study(config: StudyConfig) -> None:
    """Run a study, or go on with it; its table is printed, and stays in its folder."""
    name, out = config.name, config.out
    given = config.leaves() | {"data": config.data and str(config.data)}
    given = {option: value for option, value in given.items() if option not in ("name", "out")}
    if name not in STUDIES:
        raise SettingError(f"there is no study {name!r}; choose one of {', '.join(STUDIES)}.")
    run, settings = STUDIES[name]
    for done in run(_with(settings, name, given), out):
        if "\n" in done:
            print(done)  # a table
        else:
            print_error(done)
    print_error(f"done: {out / 'table.md'}, table.csv and figure.png")


def _with(settings: type, name: str, given: dict):
    """The study's settings, with what was given.

    Raises:
        SettingError: the study has no such option, or needs --data.
    """
    given = {option: value for option, value in given.items() if value is not None}
    known = {field.name for field in fields(settings)}
    for option in given:
        if option not in known:
            raise SettingError(f"the study {name} has no --{option.replace('_', '-')}; leave it out.")
    if "data" in known - given.keys():
        raise SettingError(f"the study {name} trains captioners; give photos with captions as --data.")
    return settings(**given)
