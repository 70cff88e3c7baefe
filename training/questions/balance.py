"""Keeping the answers of a family of questions from being learnt without the photo."""

import random
from collections import Counter, defaultdict

from .rules import GeneratedQuestion


def balance_answers(asked: list[list[GeneratedQuestion]], rng: random.Random) -> None:
    """In a family, leave the commonest answer no more often than all others together: else it is learnt blind."""
    families: dict[str, Counter] = defaultdict(Counter)
    for questions in asked:
        for a in questions:
            families[a.family][a.answer] += 1
    families.pop("", None)
    for family, answers in families.items():
        answer, count = answers.most_common(1)[0]
        keep = (answers.total() - count) / count
        for questions in asked:
            questions[:] = [
                a for a in questions if (a.family, a.answer) != (family, answer) or keep >= 1 or rng.random() < keep
            ]
