"""What training a captioner and a VQA model do alike: check the data, train, and score before and after."""

from collections.abc import Callable, Sequence
from pathlib import Path

from runtime.checkpoint import read_config, update_config
from runtime.command import print_error
from runtime.errors import DataError, SettingError, printable
from training.caches.by_ray import RayWorkers
from training.checks.check import check_quickly, unopenable_photos_fault
from training.checks.report import ModelFit, leak_sentence
from training.config.commands import CaptionerConfig, VqaConfig
from training.loop.distributed import is_distributed, is_main_process
from training.loop.fit import fit
from training.loop.report import report_progress

from .show import console, draw_check, draw_fill, draw_fit, report_bad_photos, report_training_data, table

FEW_PHOTOS = 30  # with fewer, one photo moves a score by points
ANYWAY = "to train all the same, add --anyway"


def check_data(found, model, *, anyway: bool) -> ModelFit:
    """Print what the check finds in the data; what the model could do with them comes back.

    Args:
        found: a `Dataset` or `Questions`; model: that is to be trained.
        anyway: go on with what would ruin the run.

    Raises:
        DataError: something would ruin the run.
    """
    verdict = draw_check(check_quickly(found, model), console)
    for leak in verdict.copies.leaks:
        print_error(f"warning: {leak_sentence(leak)}; scores of {leak.split} are too good.")
    for split, count in verdict.copies.within.items():
        print_error(f"copies of photos within {split}: {count:,}")
    if verdict.prospect.unknown is not None:
        print_error(f"{verdict.prospect.unknown:.1%} of the words held out for val and test are unknown to the model.")
    _refuse(verdict.stops, anyway=anyway)
    return verdict.prospect


def _refuse(faults: Sequence[str], *, anyway: bool) -> None:
    """Raise DataError for these faults, or print them as warnings where the run is to go on anyway."""
    for sentence in faults:
        if not anyway:
            raise DataError(f"{sentence.removesuffix('.')} ({ANYWAY}).")
        print_error(f"warning: {sentence}")


def train_task(task, config: CaptionerConfig | VqaConfig) -> None:
    """Prepare the photos and fit, drawn on the terminal."""
    run = config.run
    if run.cache_engine:
        if is_distributed():
            raise SettingError("torchrun's processes compute features together; leave out --cache-engine.")
        task.source.compute_with(RayWorkers(run.workers, run.address))
    what = "decoding photos" if config.task.finetune_encoder else "computing features"
    draw_fill((done for done, _ in task.prepare()), len(task.source), what, console)
    report_bad_photos(task.source.bad)
    _refuse(unopenable_photos_fault(len(task.source.bad), len(task.source)), anyway=run.anyway)
    records = fit(task, config.fit, run.out, resume=run.resume)
    if not draw_fit(report_progress(records, run.out), console) and run.resume and is_main_process():
        print_error(f"{printable(run.out)} was trained to its end before; nothing is left to do.")
    if not is_main_process():  # one of torchrun's processes: the first does the rest
        raise SystemExit


def score_before_and_after(score: Callable, found, config: CaptionerConfig | VqaConfig, *, main: str) -> None:
    """Score the run's best model, and the one it started from, on photos neither was trained on by this run.

    Both are printed side by side, and written into the best model's config.json as `about["before"]` and `["after"]`.

    Args:
        score: `score(model, records)` gives scores, and why photos could not be opened.
        main: the score that decides.
    """
    out, start_from = config.run.out, config.model.start_from
    split, records = scoring_split(found)
    models = {"before": start_from, "after": out} if start_from else {"after": out}
    scores, bad = {}, {}
    for when, model in models.items():
        scores[when], bad = score(model, records)
    report_bad_photos(bad)
    if start_from:
        report_training_data(start_from)
    about = {
        when: {"model": str(models[when]), "split": split, "data": found.format, **s} for when, s in scores.items()
    }
    update_config(out, about=read_config(out)["about"] | about)
    photos = len({record.image for record in records})
    few = ", too few to tell much" if photos < FEW_PHOTOS else ""
    whose = f" of {start_from} and of the new model" if start_from else ""
    print_error(f"scores{whose} on the {split} split ({photos:,} photos{few}):")
    print_error(table(*scores.values()))
    if start_from and scores["after"][main] < scores["before"][main]:
        print_error(f"warning: {main} is lower than before; train on more photos, or with a lower --learning-rate.")


def scoring_split(found) -> tuple[str, list]:
    """The data set's own test split where it has one, else val, and what of it can be scored.

    A test split made of training photos is left for `training evaluate`: it is small, and val is there.
    """
    for split in ("test", "val"):
        records = [record for record in found.split(split) if getattr(record, "answers", True)]
        if records and (split == "val" or split not in found.made):
            return split, records
    raise DataError("the data has no val split to score on; give --no-scores.")


def report_done(out: Path, command: str) -> Path:
    """Say where the best model is and how to use it; its folder comes back."""
    print_error(f"to make the model several times as fast, and use it without PyTorch: python -m training export {out}")
    print_error(f"done: {out / 'best'}; try it with: {command} --model {out}")
    return out / "best"
