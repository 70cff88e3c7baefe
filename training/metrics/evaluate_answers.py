"""How good a VQA model is on questions about photos it was not trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import DataError, PhotoError
from training.readers.records import QuestionRecord
from vqa.answer import Answer
from vqa.model import Answerer

from .answers import answer_scores, expected_calibration_error, official_accuracy


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question, the model's best answer, and the one it gives with the photo taken away."""

    record: QuestionRecord
    answer: Answer
    blind: Answer


def answer_all(answerer: Answerer, records: Sequence[QuestionRecord]) -> Iterator[list[AnsweredQuestion] | PhotoError]:
    """Photo by photo, all its questions answered, or why it could not be opened."""
    by_photo: dict[Path, list[QuestionRecord]] = {}
    for record in records:
        by_photo.setdefault(record.image, []).append(record)
    for photo, look in answerer.stream(by_photo):
        if isinstance(look, PhotoError):
            yield look
            continue
        questions = [record.question for record in by_photo[photo]]
        seen, blind = look.ask_all(questions, top=1), look.ask_all(questions, top=1, blind=True)
        yield [AnsweredQuestion(r, s[0], b[0]) for r, s, b in zip(by_photo[photo], seen, blind, strict=True)]


def score_answers(answered: Sequence[AnsweredQuestion]) -> dict:
    """`{"questions", "accuracy", "per_type", "question_only_accuracy", ...}`: 0-100, but the calibration error 0..1.

    `sure` is the share of the answers that the model was sure of, and `sure_accuracy` the accuracy of those.

    Raises:
        DataError: there is no question with an answer.
    """
    scored = [a for a in answered if a.record.answers]
    if not scored:
        raise DataError("no question of this split has an answer to compare with; choose another with --split.")
    correct = [official_accuracy(a.record.answers, a.answer.text) for a in scored]
    blind = [official_accuracy(a.record.answers, a.blind.text) for a in scored]
    sure = [score for a, score in zip(scored, correct, strict=True) if a.answer.sure]
    scores = answer_scores([a.record for a in scored], [a.answer.text for a in scored])
    return {
        "questions": scores["questions"],
        "accuracy": scores["accuracy"],
        "per_type": scores["per_type"],
        "question_only_accuracy": _percent(blind),
        "plain_accuracy": scores["plain_accuracy"],
        "wups_0.9": scores["wups_0.9"],
        "wups_0.0": scores["wups_0.0"],
        "ece": expected_calibration_error([a.answer.probability for a in scored], correct),
        "sure": 100 * len(sure) / len(scored),
        "sure_accuracy": _percent(sure) if sure else None,
    }


def _percent(score: Sequence[float]) -> float:
    return 100 * sum(score) / len(score)
