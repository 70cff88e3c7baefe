"""Fusions and poolings of the VQA head, trained alike, with the question-only model beside them.

    python benchmarks/vqa_tables.py DATA ... --out DIR [--folds 5] [--captions DATA ...] [-- OPTIONS]

Each is trained on the train split, chosen by val and judged once on test; with --folds the photos are dealt into so
many parts and each part is the test split once. Questions made from --captions are trained on too, except on photos
that are in val or test. OPTIONS are those of `python -m training vqa`. A table that was
interrupted goes on where it was: what is trained already is read from DIR. Prints JSON, progress on standard error.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import typer

from runtime.command import print_error, run
from training.commands.options import command
from training.commands.show import console, draw_fill, draw_fit
from training.config.commands import VqaConfig
from training.loop.fit import fit
from training.loop.seed import generator
from training.readers.records import SPLITS, Problems, QuestionRecord
from training.readers.several import coco_id, drop_held_out
from training.readers.splits import with_missing_splits
from training.tasks.question_data import CAPTIONS, read_all, read_or_generate
from training.tasks.start_vqa import start_answerer
from training.tasks.vqa import VqaTask
from vqa.fusion import FUSIONS
from vqa.head import POOLINGS
from vqa.model import load

QUESTION_ONLY = "question-only"


def training_options(data: Sequence[str], out: Path, given: Sequence[str]) -> VqaConfig:
    """The options of `training vqa`, as that command would take them."""
    taken: list[VqaConfig] = []
    trainer = typer.Typer(pretty_exceptions_enable=False)
    trainer.command()(command(VqaConfig, taken.append))
    named = [part for path in data for part in ("--data", path)]
    trainer([*named, "--out", str(out), *given], standalone_mode=False)
    return taken[0]


def folded(records: Sequence[QuestionRecord], folds: int, seed: int) -> Iterator[list[QuestionRecord]]:
    """The records with each part of their photos as test once; val is made of the rest.

    Copies of a COCO photo in two folders are in the same part.
    """
    photo = {record.image: str(coco_id(record.image) or record.image) for record in records}
    photos = sorted(set(photo.values()))
    order = torch.randperm(len(photos), generator=generator(seed, "folds")).tolist()
    part = {photos[i]: n % folds for n, i in enumerate(order)}
    for fold in range(folds):
        split = [replace(r, split="test" if part[photo[r.image]] == fold else "train") for r in records]
        yield with_missing_splits(split, seed=seed)[0]


def trained(config: VqaConfig, records: list[QuestionRecord], out: Path, cache: Path) -> dict[str, float]:
    """Train one model and judge it on test; or what an earlier run found."""
    found = out / "scores.json"
    if not found.exists():
        how = config.fit
        answerer = start_answerer(config.model, [r for r in records if r.split == "train"], seed=how.seed)
        task = VqaTask(answerer, records, config.task, epochs=how.epochs, seed=how.seed, cache=cache,
                       splits=SPLITS)  # fmt: skip
        draw_fill((done for done, _ in task.prepare()), len(task.source), "photos", console)
        draw_fit(fit(task, how, out), console)
        task.answerer = load(out)
        found.write_text(json.dumps(task.scores("test")))
    return json.loads(found.read_text())


def summary(scores: list[dict[str, float]]) -> dict:
    """The means over the folds, what the photo adds in plain accuracy, and the folds' own accuracies."""
    means = {name: statistics.mean(s[name] for s in scores) for name in scores[0]}
    gain = means["plain_accuracy"] - means["question_only_plain_accuracy"]
    each = [[round(s["plain_accuracy"], 2), round(s["question_only_plain_accuracy"], 2)] for s in scores]
    return {name: round(value, 3) for name, value in means.items()} | {"gain": round(gain, 2), "folds": each}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", nargs="+")
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--folds", type=int, default=0, help="0: the data's own splits")
    arguments.add_argument("--captions", nargs="+", default=[], help="data sets to make more training questions from")
    arguments.add_argument("--fusions", nargs="+", choices=FUSIONS, default=list(FUSIONS))
    arguments.add_argument("--poolings", nargs="+", choices=POOLINGS, default=["glimpse"])
    arguments.add_argument("--no-question-only", action="store_true", help="without the model that never has a photo")
    given = sys.argv[1:]
    ours = given[: given.index("--")] if "--" in given else given
    training_arguments = given[len(ours) + 1 :]
    a = arguments.parse_args(ours)
    config = training_options(a.data, a.out, training_arguments)
    records = read_all(config.data.data, config.data.format).records
    made = [replace(r, split="train") for path in a.captions for r in read_or_generate(path, CAPTIONS).records]
    variants = {f"{pooling} {fusion}": {"pooling": pooling, "fusion": fusion, "photo": True}
                for pooling in a.poolings for fusion in a.fusions}  # fmt: skip
    if not a.no_question_only:
        variants[QUESTION_ONLY] = {"photo": False}
    table: dict[str, list] = {name: [] for name in variants}
    for n, split in enumerate(folded(records, a.folds, config.fit.seed) if a.folds else [records]):
        split = drop_held_out([*split, *made], Problems())
        for name, changes in variants.items():
            varied = VqaConfig.of(**config.leaves() | changes)
            table[name].append(trained(varied, split, a.out / f"{n}-{name.replace(' ', '-')}", a.out / "cache"))
            print_error(f"fold {n + 1}, {name}: {json.dumps(table[name][-1])}")
    print(
        json.dumps(
            {
                "data": a.data,
                "captions": a.captions,
                "options": training_arguments,
                "table": {k: summary(v) for k, v in table.items()},
            }
        )
    )


if __name__ == "__main__":
    run(main)
