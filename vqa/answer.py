"""What a model answers to a question about a photo."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        text: the answer.
        probability: that it is right, calibrated on photos the model was not trained on.
        sure: whether its probability reaches the model's threshold and the model knows a word of the question. Where
            it is false of the best answer, the honest answer is "not sure".
        attention: (G, rows, cols), where the model looked for this question in each of its G glimpses; each
            (rows, cols) sums to 1. The answers to one question share it; G is 0 for a model that does not choose.
    """

    text: str
    probability: float
    sure: bool
    attention: np.ndarray = field(compare=False, repr=False)


def without_unlikely(answers: list[Answer]) -> list[Answer]:
    """The answers that are worth a line: the best, and the others from 1 % on."""
    best, *others = answers
    return [best, *(answer for answer in others if answer.probability >= 0.01)]


def to_json(answers: list[Answer]) -> dict:
    """The answers to one question, best first, as the command line prints them, apart from photo and question."""
    return {
        "answers": [{"answer": a.text, "prob": round(a.probability, 4)} for a in answers],
        "sure": answers[0].sure,
    }


def to_sentence(answers: list[Answer]) -> str:
    """The answers to one question as a person would say them: the best, or the best two where none is sure."""
    best, *others = answers
    if best.sure:
        return f"{best.text} ({best.probability:.0%} sure)"
    return f"Not sure: {' or '.join(f'{a.text} ({a.probability:.0%})' for a in (best, *others[:1]))}."
