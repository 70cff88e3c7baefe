"""Questions from captions: any data set of captions becomes questions and answers, so that it can train a VQA model.

Six kinds: object, number, colour, place, doing, yes/no. A question is only asked where enough captions of a photo
agree: three of five; for a detail such as a colour two, and none against. Every "yes" has one "no" to the same claim
about another photo, so the words of a yes/no question never tell its answer. docs/generated-questions.md has samples.

    python -m training.questions.generate DATA --sample 100 --seed 1

prints samples with their captions.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from runtime.command import command_line, run
from runtime.errors import DataError
from training.readers.records import CaptionRecord, Dataset, QuestionRecord

from .balance import balance_answers
from .facts import Photo
from .rules import RULES, GeneratedQuestion
from .yes_no import yes_no_questions


def generate_questions(captions: Iterable[CaptionRecord], seed: int = 1) -> list[QuestionRecord]:
    """Question records from caption records, in their order, each with one answer and its caption record's split.

    Args:
        captions: English captions; the more of them a photo has, the surer a question.
        seed: chooses wordings, and photos for the "no"s. The same captions and seed give the same questions.
    """
    rng = random.Random(seed)
    records = [record for record in captions if record.captions]
    photos = [Photo(tuple(record.captions)) for record in records]
    asked: list[list[GeneratedQuestion]] = [[a for rule in RULES for a in rule(photo, rng)] for photo in photos]
    balance_answers(asked, rng)
    for i, question, answer in yes_no_questions(photos, [record.split for record in records], rng):
        asked[i].append(GeneratedQuestion(question, answer, "yes/no"))
    return [
        QuestionRecord(record.image, f"{record.image_id}-{n}", a.question, (a.answer,), record.split, a.kind)
        for record, questions in zip(records, asked, strict=True)
        for n, a in enumerate(dict.fromkeys(questions))
    ]


def from_captions(dataset: Dataset, seeds: int = 1) -> Dataset:
    """A data set of captions as one of questions, with the same splits.

    Args:
        seeds: make those of training photos with so many seeds, 1 and those after it. What is asked before is left out.

    Raises:
        DataError: the captions give no question.
    """
    questions = generate_questions(dataset.records)
    asked = {(q.image, q.question) for q in questions}
    for seed in range(2, seeds + 1):
        more = [q for q in generate_questions(dataset.split("train"), seed) if (q.image, q.question) not in asked]
        questions += [replace(q, question_id=f"{q.question_id}-{seed}") for q in more]
        asked.update((q.image, q.question) for q in more)
    if not questions:
        raise DataError(
            f"the captions of {len(dataset.records)} photos give no question; give English captions, best several "
            "of each photo."
        )
    return replace(dataset, format=f"questions from {dataset.format}", records=questions)


def samples(captions: Iterable[CaptionRecord], count: int, seed: int) -> Iterator[str]:
    """`count` of the questions, drawn at random, as lines of Markdown with the captions they came from."""
    records = list(captions)
    parsed = {record.image_id: record.captions for record in records}
    questions = generate_questions(records, seed)
    chosen = random.Random(seed).sample(questions, min(count, len(questions)))
    for number, q in enumerate(chosen, start=1):
        image_id = q.question_id.rpartition("-")[0]
        yield f"{number}. **{q.question}** {q.answers[0]} ({q.kind}, {image_id})"
        yield from (f"   - {caption}" for caption in parsed[image_id])


app = command_line()


@app.command()
def main(
    data: Annotated[Path, typer.Argument(help="A data set of captions.")],
    sample: Annotated[int, typer.Option(help="How many questions to show.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the questions and of the choice among them.")] = 1,
    split: Annotated[str | None, typer.Option(help="Only this split's photos: train, val or test.")] = None,
) -> None:
    """Show questions made from captions, with the captions they came from."""
    from training.readers import read_captions

    records = [record for record in read_captions(data).records if split in (None, record.split)]
    for line in samples(records, sample, seed):
        print(line)


if __name__ == "__main__":
    run(app)
