"""The command line of studies: `python -m training study NAME --out DIR`."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from runtime.command import say
from runtime.errors import SettingError


def study(
    name: Annotated[
        str, typer.Argument(help="gradients, reach, odyssey or choices; the last two train captioners on --data.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of table.md, table.csv, figure.png; what is done in it is kept.")],
    hidden: Annotated[int | None, typer.Option(help="Size of the recurrent state.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of training, at most.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many networks of each kind.")] = None,
    data: Annotated[Path | None, typer.Option(help="Photos with captions.")] = None,
    photos: Annotated[int | None, typer.Option(help="Photos to train on.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over them.")] = None,
):
    """Measure what the lectures say of recurrent networks. Call it again to go on where it was stopped."""
    given = {"hidden": hidden, "steps": steps, "seeds": seeds, "photos": photos, "epochs": epochs}
    given["data"] = str(data) if data else None

    from training.study.captioners import CaptionerSettings
    from training.study.choices import choices
    from training.study.gradients import GradientSettings, gradients
    from training.study.odyssey import odyssey
    from training.study.reach import ReachSettings, reach

    studies = {"gradients": (gradients, GradientSettings), "reach": (reach, ReachSettings),
               "odyssey": (odyssey, CaptionerSettings), "choices": (choices, CaptionerSettings)}  # fmt: skip
    if name not in studies:
        raise SettingError(f"there is no study {name!r}; choose one of {', '.join(studies)}.")
    run, settings = studies[name]
    for done in run(_with(settings, name, given), out):
        if "\n" in done:
            print(done)  # a table
        else:
            say(done)
    say(f"done: {out / 'table.md'}, table.csv and figure.png")


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
