"""The options of `--engine ray`, which command lines share, and what such a run says."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.bundled import is_bundled
from runtime.command import SOME_FAILED, print_error
from runtime.errors import SettingError, printable
from runtime.installed import require_ray

if TYPE_CHECKING:  # what Ray's extra brings is imported when it is asked for
    from .job import Job
    from .parts import Part

RAY = "ray"
Workers = Annotated[int | None, typer.Option(help="With --engine ray: processes [default: one a core].", min=1)]
Address = Annotated[
    str | None, typer.Option(help="With --engine ray: a running cluster's, HOST:6379 or ray://HOST:10001.")
]
ImageColumn = Annotated[str | None, typer.Option(help="With --engine ray: of Parquet files, that with the photos.")]


def check_engine_options(engine: str | None, *, out: Path | None, only_ray: dict, never_ray: dict) -> None:
    """Refuse options that belong to another engine.

    Args:
        only_ray, never_ray: option -> what it was given; None or False where it was not.

    Raises:
        SettingError: one is given that does nothing, or there is no such engine.
    """
    from runtime.onnx_graphs import ENGINES

    if engine not in (None, RAY, *ENGINES):
        raise SettingError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)} and {RAY}.")
    ray = engine == RAY
    wrong = [name for name, value in (never_ray if ray else only_ray).items() if value not in (None, False)]
    if wrong:
        raise SettingError(f"{wrong[0]} does nothing {'with' if ray else 'without'} --engine ray; leave it out.")
    if ray and out is None:
        raise SettingError("--engine ray writes into a folder; name it with --out.")


def run_at_scale(
    job: "Job", sources: Sequence[str], out: Path, *, workers: int | None, address: str | None, column: str | None
) -> None:
    """Work on all of the sources, with a bar, and say what came of it on standard error.

    Raises:
        GlimpseError: nothing was begun, and why.
        typer.Exit: with SOME_FAILED, some photos could not be opened, or some parts were not written.
    """
    require_ray("--engine ray")
    from .folder import claim_folder
    from .parts import parts_of
    from .reading import check_column

    if not is_bundled(job.model):
        job = replace(job, model=str(Path(job.model).absolute()))  # workers may be elsewhere
    parts = parts_of(sources)
    check_column(parts, column)
    photos = bad = 0
    errors: list[str] = []
    with claim_folder(out, job, parts, column) as todo:
        if len(todo) < len(parts):
            print_error(f"{len(parts) - len(todo):,} of {len(parts):,} parts are in {printable(out)} already.")
        for done in _with_bar(todo, job, out, workers=workers, address=address, column=column):
            photos, bad = photos + done.photos, bad + done.failed
            if done.error:
                errors.append(done.error)
                print_error(f"error: {done.error}")
    print_error(f"{photos:,} photos in {len(todo) - len(errors):,} parts were written to {printable(out)}.")
    if bad:
        print_error(f"{bad:,} photos or files could not be opened; their rows say why in the column error.")
    if errors:
        print_error(f"{len(errors):,} parts were not done; run the same command again to try them again.")
    if bad or errors:
        raise typer.Exit(SOME_FAILED)


def _with_bar(todo: "list[Part]", job: "Job", out: Path, **how):
    if not todo:
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from .cluster import process_parts

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(process_parts(todo, job, out, **how), total=len(todo), description="parts")
