"""`python -m training vqa`, and the scores of a VQA model."""

from pathlib import Path

from runtime.command import print_error
from runtime.errors import PhotoError
from training.config.commands import VqaConfig
from training.metrics.evaluate_answers import answer_all, score_answers
from training.readers.columns import Columns
from training.tasks.question_data import read_all
from training.tasks.start_vqa import start_answerer
from training.tasks.vqa import VqaTask
from training.tasks.weights import data_set_weights
from vqa.model import load

from .report import reporting
from .run import check_data, report_done, score_before_and_after, train_task
from .show import console, draw_fill


@reporting
def train(config: VqaConfig) -> Path:
    """Train a VQA model, drawn on the terminal; the folder of the best model comes back."""
    fit, run = config.fit, config.run
    data = config.data
    found = read_all(data.data, data.format, generate=data.generate, seeds=data.generate_seeds,
                     columns=Columns(**data.columns.names))  # fmt: skip
    for remark in found.remarks:
        print_error(remark)
    answerer = start_answerer(config.model, found.split("train"), seed=fit.seed)
    prospect = check_data(found, answerer, anyway=run.anyway)
    task = VqaTask(answerer, found.records, config.task, epochs=fit.epochs, seed=fit.seed, cache=run.cache_folder,
                   precision=fit.precision, weights=data_set_weights(data.weights, found.records))  # fmt: skip
    print_error(f"{len(task.train_rows):,} photos to train on; {len(answerer.vocabulary):,} words; "
                f"{len(answerer.answers):,} answers, with which {prospect.covered:.1%} of the val questions could be "
                "answered right.")  # fmt: skip
    train_task(task, config)
    if run.scores:
        score_before_and_after(score_answerer, found, config, main="accuracy")
    return report_done(run.out, 'python -m vqa PHOTO "QUESTION"')


def score_answerer(model: str | Path, records: list, *, engine: str = "torch") -> tuple[dict, dict[int, str]]:
    """A VQA model's scores on these records, and why photos could not be opened; drawn as a bar."""
    answered, bad = [], {}

    def count(photos):
        for done, photo in enumerate(photos, 1):
            if isinstance(photo, PhotoError):
                bad[done] = str(photo)
            else:
                answered.extend(photo)
            yield done

    stream = answer_all(load(model, engine=engine), records)
    draw_fill(count(stream), len({r.image for r in records}), "answering", console)
    return score_answers(answered), bad
