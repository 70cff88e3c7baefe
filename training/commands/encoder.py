"""`python -m training encoder`."""

from pathlib import Path

from runtime.command import print_error
from training.config.commands import EncoderConfig
from training.loop.fit import fit
from training.loop.report import report_progress
from training.tasks.encoder import EncoderTask

from .report import reporting
from .show import console, draw_fill, draw_fit, report_bad_photos


@reporting
def train(config: EncoderConfig) -> Path:
    """Pretrain an encoder, drawn on the terminal; the folder of the best one comes back."""
    how, run = config.fit, config.run
    task = EncoderTask(config.data.data, config.task, epochs=how.epochs, seed=how.seed, cache=run.cache_folder)
    print_error(f"{len(task.photos):,} photos of {len(task.classes)} classes, {len(task.held):,} of them held out.")
    draw_fill(task.photos.fill(), len(task.photos), "decoding photos", console)
    report_bad_photos(task.photos.bad)
    draw_fit(report_progress(fit(task, how, run.out, resume=run.resume), run.out), console)
    print_error(f"done: {run.out / 'best'}")
    return run.out / "best"
