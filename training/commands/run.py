"""What `python -m training captioner` and `vqa` do alike: check the data, train, and score before and after."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace

from runtime.command import say
from runtime.errors import DataError

from .options import console, table, tell_bad

ANYWAY = "to train all the same, add --anyway"


def look_first(found, model, o: SimpleNamespace):
    """Say what the check finds in the data; what the model could do with them comes back.

    Args:
        found: a `Dataset` or `Questions`; model: that is to be trained.

    Raises:
        DataError: something would ruin the run, and --anyway was not given.
    """
    from training.checks.check import check_quickly
    from training.checks.photo_files import leak_sentence

    from .show import draw_check

    verdict = draw_check(check_quickly(found, model), console)
    for leak in verdict.copies.leaks:
        say(f"warning: {leak_sentence(leak)}; scores of {leak.split} are too good.")
    for split, count in verdict.copies.within.items():
        say(f"copies of photos within {split}: {count:,}")
    if verdict.prospect.unknown is not None:
        say(f"{verdict.prospect.unknown:.1%} of the words held out for val and test are unknown to the model.")
    stop_for(verdict.stops, o)
    return verdict.prospect


def stop_for(sentences: tuple[str, ...], o: SimpleNamespace) -> None:
    """Refuse to train for these reasons, or with --anyway only say them.

    Raises:
        DataError: there is one, and --anyway was not given.
    """
    for sentence in sentences:
        if not o.anyway:
            raise DataError(f"{sentence.removesuffix('.')} ({ANYWAY}).")
        say(f"warning: {sentence}")


def train(task, how, o: SimpleNamespace) -> None:
    """Prepare the photos and fit, drawn on the terminal."""
    from training.checks.check import unopenable_fault
    from training.loop.distributed import is_first
    from training.loop.fit import fit
    from training.loop.status import report_progress

    from .show import draw_fill, draw_fit

    what = "decoding photos" if o.finetune_encoder else "computing features"
    draw_fill((done for done, _ in task.prepare()), len(task.source), what, console)
    tell_bad(task.source.bad)
    stop_for(unopenable_fault(len(task.source.bad), len(task.source)), o)
    draw_fit(report_progress(fit(task, how, o.out, resume=o.resume), o.out), console)
    if not is_first():  # one of torchrun's processes: the first does the rest
        raise SystemExit


def score_before_and_after(score: Callable, found, o: SimpleNamespace, *, main: str) -> None:
    """Score the run's best model, and the one it started from, on photos neither was trained on by this run.

    Both are said side by side, and written into the best model's config.json as `about["before"]` and `["after"]`.

    Args:
        score: `score(model, records)` gives scores, and why photos could not be opened.
        main: the score that decides.
    """
    from runtime.checkpoint import change_config, read_config
    from training.loop.distributed import is_first

    if not is_first():
        return
    split, records = judged(found)
    models = {"before": o.start_from, "after": o.out} if o.start_from else {"after": o.out}
    scores, bad = {}, {}
    for when, model in models.items():
        scores[when], bad = score(model, records)
    tell_bad(bad)
    said = {when: {"model": str(models[when]), "split": split, "data": found.format, **s} for when, s in scores.items()}
    change_config(o.out, about=read_config(o.out)["about"] | said)
    say(f"scores on the {split} split" + (f", of {o.start_from} and of the new model:" if o.start_from else ":"))
    say(table(*scores.values()))
    if o.start_from and scores["after"][main] < scores["before"][main]:
        say(f"warning: {main} is lower than before; train on more photos, or with a lower --learning-rate.")


def judged(found) -> tuple[str, list]:
    """The data set's own test split where it has one, else val, and what of it can be scored.

    A test split made of training photos is left for `training evaluate`: it is small, and val is there.
    """
    for split in ("test", "val"):
        records = [record for record in found.split(split) if getattr(record, "answers", True)]
        if records and (split == "val" or split not in found.made):
            return split, records
    raise DataError("the data has no val split to score on; give --no-scores.")


def defaults(command: Callable, **given) -> SimpleNamespace:
    """A command's options as they are unless given."""
    parameters = inspect.signature(command).parameters.values()
    return SimpleNamespace(**{p.name: None if p.default is p.empty else p.default for p in parameters} | given)
