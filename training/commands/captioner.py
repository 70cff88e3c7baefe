"""`python -m training captioner`, and the scores of a captioner."""

from functools import partial
from pathlib import Path

from captioner.model import load
from captioner.search_settings import SearchSettings
from runtime.command import print_error
from runtime.errors import PhotoError
from training.config.commands import CaptionerConfig
from training.metrics.evaluate import caption_all, score_captions
from training.readers.columns import Columns
from training.tasks.caption_data import read_training_captions
from training.tasks.captioner import CaptionTask
from training.tasks.start import start_captioner
from training.tasks.weights import data_set_weights

from .report import reporting
from .run import check_data, report_done, score_before_and_after, train_task
from .show import console, draw_fill


@reporting
def train(config: CaptionerConfig) -> Path:
    """Train a captioner, drawn on the terminal; the folder of the best model comes back."""
    fit, run = config.fit, config.run
    data = config.data
    columns = Columns(**data.columns.names)
    found = read_training_captions(data.data, data.format, held_out=data.held_out, columns=columns)
    weights = data_set_weights(data.weights, found.records)
    for sentence in found.problems.sentences():
        print_error(f"left out: {sentence}")
    for split in found.made:
        print_error(f"there was no {split} split; one was made of train photos.")
    captions = [caption for record in found.split("train") for caption in record.captions]
    model = start_captioner(config.model, captions, seed=fit.seed)
    check_data(found, model, anyway=run.anyway)
    task = CaptionTask(model, found.records, config.task, epochs=fit.epochs, seed=fit.seed, cache=run.cache_folder,
                       precision=fit.precision, weights=weights)  # fmt: skip
    print_error(f"{len(task.train_rows):,} photos to train on, {len(task.val_rows):,} to validate on, "
                f"{len(model.vocabulary):,} words.")  # fmt: skip
    train_task(task, config)
    if run.scores:
        score = partial(score_captioner, search=SearchSettings(beam=config.task.beam))
        score_before_and_after(score, found, config, main="cider")
    return report_done(run.out, "python -m captioner PHOTO")


def score_captioner(
    model: str | Path, records: list, search: SearchSettings, *, engine: str = "torch", meteor: bool = False
) -> tuple[dict, dict[int, str]]:
    """A captioner's scores on these records, and why photos could not be opened; drawn as a bar."""
    pairs = []
    stream = caption_all(load(model, engine=engine), records, search)
    draw_fill((pairs.append(pair) or len(pairs) for pair in stream), len(records), "captioning", console)
    bad = {n: str(text) for n, (_, text) in enumerate(pairs) if isinstance(text, PhotoError)}
    return score_captions(pairs, meteor=meteor), bad
