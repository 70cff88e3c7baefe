"""Scores of answers: official VQA accuracy, plain accuracy, WUPS, and how honest the probabilities are.

Strings and numbers in, numbers out. Scores are on the field's 0-100 scale, the calibration error in 0..1.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from runtime.errors import SettingError
from training.readers.records import QuestionRecord
from vqa.answers import FULL_SCORE_COUNT, best_answer, comparison, items

NO_WORDNET = (
    "WUPS is not computed because nltk finds no WordNet; run `python -m nltk.downloader wordnet` once, or "
    "examples/wordnet.sh, or set NLTK_DATA to a folder that holds corpora/wordnet."
)


def official_accuracy(answers: Sequence[str], predicted: str) -> float:
    """VQA accuracy of one given answer, in 0..1: min(1, matches / 3), averaged over leaving out each person in turn.

    Two others cannot be three who agree: of fewer than four people, all the others must have given the answer.
    """
    rule = comparison(answers)
    matches, people = list(map(rule, answers)).count(rule(predicted)), len(answers)
    enough = min(FULL_SCORE_COUNT, people - 1)
    if enough == 0:
        return plain_accuracy(answers, predicted)
    without_a_match, without_another = min(1.0, (matches - 1) / enough), min(1.0, matches / enough)
    return (matches * without_a_match + (people - matches) * without_another) / people


def plain_accuracy(answers: Sequence[str], predicted: str) -> float:
    """1.0 where the given answer is the one most people gave; of an only answer its first item is compared."""
    return float(comparison(answers)(predicted) == best_answer(answers))


def answer_scores(records: Sequence[QuestionRecord], predicted: Sequence[str]) -> dict:
    """What `evaluate` reports of answers: record i was answered `predicted[i]`; records without answers are left out.

    Returns:
        `questions` (a count); `accuracy`, official where several people answered and plain where one did;
        `per_type`, the same for each kind of question; `plain_accuracy`, against the most common answer;
        `wups_0.9` and `wups_0.0`, None without WordNet (`NO_WORDNET` says how to get it). All scores 0-100, None
        where there is no question with an answer.
    """
    answered = [(record, answer) for record, answer in zip(records, predicted, strict=True) if record.answers]
    accuracies = [official_accuracy(record.answers, answer) for record, answer in answered]
    kinds: dict[str, list[float]] = {}
    for (record, _), accuracy in zip(answered, accuracies, strict=True):
        if record.kind:
            kinds.setdefault(record.kind, []).append(accuracy)
    similarity = WuPalmer.load()
    pairs = [(_reference(record.answers), answer) for record, answer in answered]
    return {
        "questions": len(answered),
        "accuracy": _percent(accuracies),
        "plain_accuracy": _percent([plain_accuracy(record.answers, answer) for record, answer in answered]),
        "per_type": {kind: _percent(kinds[kind]) for kind in sorted(kinds)},
        "wups_0.9": _percent([wups(true, answer, 0.9, similarity) for true, answer in pairs]) if similarity else None,
        "wups_0.0": _percent([wups(true, answer, 0.0, similarity) for true, answer in pairs]) if similarity else None,
    }


def _percent(scores: Sequence[float]) -> float | None:
    return 100 * sum(scores) / len(scores) if scores else None


def _reference(answers: Sequence[str]) -> str:
    """The true answer for WUPS: an only answer with all its items, else the most common one."""
    return answers[0] if len(answers) == 1 else best_answer(answers) or ""


def wups(true: str, predicted: str, threshold: float, similarity: Callable[[str, str], float]) -> float:
    """Wu-Palmer set score of one answer, in 0..1 (Malinowski & Fritz 2014, their `calculate_wups.py`).

    With G the given items and T the true ones: min(Π_g max_t m(g, t), Π_t max_g m(t, g)), where m is the similarity
    of two words, times 0.1 where it is below the threshold.
    """

    def close(a: str, b: str) -> float:
        value = similarity(a, b)
        return value if value >= threshold else 0.1 * value

    def covered(one_set: tuple[str, ...], other_set: tuple[str, ...]) -> float:
        return math.prod(max(close(a, b) for b in other_set) for a in one_set)

    true_items, given_items = items(true), items(predicted)
    if not true_items or not given_items:
        return float(true_items == given_items)
    return min(covered(given_items, true_items), covered(true_items, given_items))


class WuPalmer:
    """Wu-Palmer similarity of two words, in 0..1: the most that any noun senses of them reach; 1 for the same word.

    A pair takes milliseconds in WordNet, and the same pairs come again and again: each is kept.
    """

    def __init__(self, wordnet):
        self._wordnet = wordnet
        self._senses: dict[str, list] = {}
        self._known: dict[tuple[str, str], float] = {}

    @classmethod
    def load(cls) -> "WuPalmer | None":
        """With nltk's WordNet, or None where its data is not on this machine (`NO_WORDNET` says how to get it)."""
        from nltk.corpus import wordnet  # half a second, and only WUPS needs it

        try:
            wordnet.synsets("dog")  # a copy with files missing or cut short fails here, not in the middle
        except (LookupError, OSError, ValueError):
            return None
        return cls(wordnet)

    def __call__(self, a: str, b: str) -> float:
        if a == b:
            return 1.0
        pair = (a, b) if a < b else (b, a)
        if pair not in self._known:
            self._known[pair] = self._closest(*pair)
        return self._known[pair]

    def _closest(self, a: str, b: str) -> float:
        return max((x.wup_similarity(y) or 0.0 for x in self._nouns(a) for y in self._nouns(b)), default=0.0)

    def _nouns(self, word: str) -> list:
        if word not in self._senses:
            self._senses[word] = self._wordnet.synsets(word.replace(" ", "_"), pos="n")
        return self._senses[word]


def expected_calibration_error(confidence: Sequence[float], correct: Sequence[float], bins: int = 15) -> float:
    """How far probabilities are from being true, in 0..1: Σ_b n_b/n · |accuracy_b - confidence_b| (Guo et al. 2017).

    Args:
        confidence: (N,) the probability of each answer given, in 0..1.
        correct: (N,) whether each was right: 0 or 1, or the VQA accuracy in between.
        bins: how many bins of equal width, each closed on the right.

    Raises:
        SettingError: there is nothing to measure, or the two do not match.
    """
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if confidence.ndim != 1 or confidence.shape != correct.shape or not confidence.size or bins < 1:
        raise SettingError(
            f"calibration of {confidence.shape} probabilities, {correct.shape} results and {bins} bins; "
            "give as many results as probabilities, at least one, and at least one bin."
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise SettingError("a probability is outside 0..1; give the model's probabilities, not its logits.")
    bin_index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    errors = np.bincount(bin_index, weights=correct - confidence, minlength=bins)  # n_b · (accuracy_b - confidence_b)
    return float(np.abs(errors).sum() / confidence.size)
