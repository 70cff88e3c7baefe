"""Answers as strings: the official VQA normalisation, what people's answers are worth, and the set a model picks from.

The rules are those of the official evaluation (Antol et al. 2015; `vqaEval.py` of GT-Vision-Lab/VQA), quirks
included, because a score is only comparable when they are the same:

- Answers are normalised only where the people who answered disagree. Ten equal answers are compared as they stand.
- A punctuation mark beside a space is deleted, any other becomes a space; but in a text with a comma between digits
  every mark is deleted. Full stops go unless a digit follows, the first 32 of them.
- `none` is the number 0; `let's` and `she's` are never restored from `lets` and `shes`.

A data set with one answer a question (DAQUAR, COCO-QA, easy-VQA, most tables) is compared plainly: lower case, single
spaces. Of several items behind commas ("pillow, blanket": DAQUAR has about 10 % of these) a model is taught and
plainly scored on the first; WUPS (training/metrics/answers.py) compares the whole set. An answer of several words is
one answer like any other, never split.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from runtime.errors import DataError, SettingError

FULL_SCORE_COUNT = 3  # an answer that three of ten people gave is fully right

ARTICLES = {"a", "an", "the"}
DIGITS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'

_CONTRACTED = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
""".split()


def _without_one_apostrophe(word: str) -> Iterator[str]:
    for mark in re.finditer("'", word):
        yield word[: mark.start()] + word[mark.end() :]


CONTRACTIONS = {short: word for word in _CONTRACTED for short in _without_one_apostrophe(word)}
CONTRACTIONS["somebody'd"] = "somebodyd"  # the official table has this one the wrong way round


@lru_cache(maxsize=1 << 17)
def normalise_answer(answer: str) -> str:
    """An answer as the official evaluation compares it: `"A red-brick wall."` -> `"red brick wall"`."""
    answer = _without_punctuation(one_line(answer))
    words = (DIGITS.get(word, word) for word in answer.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def _without_punctuation(text: str) -> str:
    delete_all = re.search(r"\d,\d", text)
    result = text
    for mark in PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        result = result.replace(mark, "" if beside_space or delete_all else " ")
    return re.sub(r"\.(?!\d)", "", result, count=32)  # 32: the official code hands a flag where the count belongs


def one_line(answer: str) -> str:
    """An answer as it stands, on one line."""
    return answer.replace("\n", " ").replace("\t", " ").strip()


def tidy(answer: str) -> str:
    """The only answer of a question: lower case, single spaces."""
    return " ".join(answer.lower().split())


def comparison(answers: Sequence[str]) -> Callable[[str], str]:
    """The function that normalises answers to this question before they are compared."""
    if len(answers) == 1:
        return tidy
    return normalise_answer if len({one_line(answer) for answer in answers}) > 1 else one_line


def items(answer: str) -> tuple[str, ...]:
    """The items between commas: `"pillow, blanket"` -> `("pillow", "blanket")`, `"1,000"` -> `("1,000",)`."""
    parts = (tidy(part) for part in re.split(r",(?!\d)", answer))
    return tuple(part for part in parts if part)


def soft_scores(answers: Sequence[str]) -> dict[str, float]:
    """What each answer to one question is worth: min(1, count / 3) of many, 1.0 for an only answer's first item.

    Two people cannot be three who agree: of fewer than three answers, all must be alike to be worth 1.
    """
    if len(answers) == 1:
        return dict.fromkeys(items(answers[0])[:1], 1.0)
    full = min(FULL_SCORE_COUNT, len(answers))
    counts = Counter(map(comparison(answers), answers))
    return {answer: min(1.0, count / full) for answer, count in counts.items() if answer}


def best_answer(answers: Sequence[str]) -> str | None:
    """The answer most people gave (of a tie the one given first), or None where there is none."""
    counts = Counter(map(comparison(answers), answers)) if len(answers) > 1 else soft_scores(answers)
    counts.pop("", None)
    return max(counts, key=counts.get, default=None)


@dataclass(frozen=True)
class AnswerSet:
    """The answers a model can give, in the order of its outputs.

    Raises:
        SettingError: there is none, one is empty or no text, or one stands there twice.
    """

    answers: tuple[str, ...]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "answers", tuple(self.answers))
        for answer in self.answers:
            if not isinstance(answer, str) or not answer:
                raise SettingError(f"an answer set holds {answer!r}; every answer must be text and not empty.")
        object.__setattr__(self, "_index", {answer: i for i, answer in enumerate(self.answers)})
        if len(self._index) != len(self.answers) or not self.answers:
            fault = "is empty" if not self.answers else f"names {Counter(self.answers).most_common(1)[0][0]!r} twice"
            raise SettingError(f"an answer set {fault}; give each possible answer once.")

    @classmethod
    def build(cls, questions: Iterable[Sequence[str]], *, top: int | None = None, min_count: float = 1) -> "AnswerSet":
        """The answers that earn most on training questions, best first.

        Args:
            questions: the answers of each question, as in `QuestionRecord.answers`.
            top: how many to keep; all where None.
            min_count: leave out what earns less over all questions. Where a question has one answer this is how
                often it occurs; where ten, how often it would have been counted right.

        Raises:
            DataError: no answer is left.
        """
        scores = _score_answers(questions)
        ranked = _best(scores, top, min_count)
        if not ranked:
            raise DataError(
                f"none of {len(scores)} different answers was given {min_count:g} times; give more questions "
                "with answers, or a smaller minimum count."
            )
        return cls(tuple(ranked))

    @classmethod
    def from_list(cls, answers: list[str]) -> "AnswerSet":
        """The inverse of `to_list`."""
        return cls(tuple(answers))

    def to_list(self) -> list[str]:
        """As saved in a model folder's config.json."""
        return list(self.answers)

    def extend(
        self, questions: Iterable[Sequence[str]], *, top: int | None = None, min_count: float = 1
    ) -> "AnswerSet":
        """This set with new answers behind the old ones, so that a trained model's outputs keep their places.

        `top` and `min_count` choose among the new answers, as in `build`.
        """
        scores = {answer: score for answer, score in _score_answers(questions).items() if answer not in self}
        return AnswerSet(self.answers + tuple(_best(scores, top, min_count)))

    def coverage(self, questions: Iterable[Sequence[str]]) -> float:
        """The best accuracy in 0..1 that any model with this set can reach; questions without answers are left out."""
        best = [
            max((score for answer, score in soft_scores(answers).items() if answer in self), default=0.0)
            for answers in questions
            if answers
        ]
        return sum(best) / len(best) if best else 0.0

    def targets(self, answers: Sequence[str]) -> dict[int, float]:
        """Output index -> soft score for one question's answers; outputs that score 0 are left out."""
        return {self._index[a]: score for a, score in soft_scores(answers).items() if a in self._index}

    def index(self, answer: str) -> int | None:
        """The place of an answer, None where it is not in the set."""
        return self._index.get(answer)

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[str]:
        return iter(self.answers)

    def __getitem__(self, index: int) -> str:
        return self.answers[index]

    def __contains__(self, answer: object) -> bool:
        return answer in self._index


def _score_answers(questions: Iterable[Sequence[str]]) -> Counter:
    scores: Counter = Counter()
    for answers in questions:
        scores.update(soft_scores(answers))
    return scores


def _best(scores: dict[str, float], top: int | None, min_count: float) -> list[str]:
    kept = [answer for answer in scores if scores[answer] > min_count - 1e-6]  # a sum of thirds is not exact
    return sorted(kept, key=lambda answer: (-scores[answer], answer))[:top]
