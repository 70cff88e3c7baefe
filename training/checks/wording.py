"""What a data set's texts are like: how long, in which words and letters, and which of them a model would not know."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

from encoders.text import SPECIALS, UNK, Vocabulary, tokenize
from training.readers.records import CaptionRecord, QuestionRecord
from vqa.answers import AnswerSet

from .report import Answering, KnownWords, Wording

MIN_COUNTS = (1, 2, 3, 5, 10)
SIZES = (1_000, 2_000, 5_000, 10_000, 20_000)
ANSWER_SIZES = (10, 100, 300, 1_000, 2_000, 3_000, 5_000)


def texts_of(record: CaptionRecord | QuestionRecord) -> tuple[str, ...]:
    return record.captions if isinstance(record, CaptionRecord) else (record.question,)


def wording(records: Sequence[CaptionRecord | QuestionRecord]) -> Wording:
    """How the texts of these records are worded. Words are counted as `encoders.text.tokenize` splits them."""
    each, lengths, letters, longest = Counter(), Counter(), Counter(), (-1, "", "")
    train_words, held_out = Counter(), Counter()
    for record in records:
        for text in texts_of(record):
            words = tokenize(text)
            (train_words if record.split == "train" else held_out).update(words)
            each[record.image] += 1
            lengths[len(words)] += 1
            letters.update(text)
            longest = max(longest, (len(words), text, record.image.name))
    scripts = _scripts(letters)
    return Wording(
        texts=sum(each.values()),
        least=min(each.values()),
        mean=sum(each.values()) / len(each),
        most=max(each.values()),
        lengths=dict(sorted(lengths.items())),
        longest=dict(zip(("words", "text", "image"), longest, strict=True)),
        words=len(train_words | held_out),
        by_count={n: _known({w for w, count in train_words.items() if count >= n}, held_out) for n in MIN_COUNTS},
        by_size=_by_size(train_words, held_out),
        scripts=scripts,
        other_scripts=sum(share for script, share in scripts.items() if script != "Latin"),
    )


def _by_size(train_words: Counter, held_out: Counter) -> dict[int, KnownWords]:
    """By the size of the whole vocabulary, which has the special tokens too, as `--max-size` counts it."""
    ranked = [word for word, _ in train_words.most_common()]
    sizes = [size for size in SIZES if size < len(ranked) + len(SPECIALS)]
    return {size: _known(set(ranked[: size - len(SPECIALS)]), held_out) for size in sizes}


def _known(words: set[str], held_out: Counter) -> KnownWords:
    unknown = sum(count for word, count in held_out.items() if word not in words)
    return KnownWords(len(words), unknown / held_out.total() if held_out else None)


def _scripts(characters: Counter) -> dict[str, float]:
    """Script -> share of the letters. Unicode names each letter after its script: CYRILLIC SMALL LETTER A."""
    found = Counter()
    for character, count in characters.items():
        if character.isalpha():
            found[unicodedata.name(character, "unnamed").split()[0].capitalize()] += count
    return {script: count / found.total() for script, count in found.most_common()}


def unknown_share(vocabulary: Vocabulary, texts: Iterable[str]) -> float | None:
    """The share of these texts' tokens that a model reads as <unk>, 0..1; None where there is no token."""
    ids = Counter(id for text in texts for id in vocabulary.encode(text))
    return ids[UNK] / ids.total() if ids else None


def answering(records: Sequence[QuestionRecord]) -> Answering | None:
    """How well the most frequent answers cover the questions; None where no training question has an answer."""
    asked = {split: [r.answers for r in records if r.split == split and r.answers] for split in ("train", "val")}
    if not asked["train"]:
        return None
    known = AnswerSet.build(asked["train"])
    sizes = [size for size in ANSWER_SIZES if size < len(known)] + [len(known)]
    coverage = {split: _coverage(known, questions, sizes) for split, questions in asked.items() if questions}
    return Answering(len(known), sum(not r.answers for r in records), coverage)


def _coverage(known: AnswerSet, questions: Sequence[Sequence[str]], sizes: Sequence[int]) -> dict[int, float]:
    """`AnswerSet.coverage` of the first so many answers, for many sizes in one pass over the questions."""
    gained = [0.0] * len(known)  # what the answer of this rank adds to the best score of each question
    for answers in questions:
        best = 0.0
        for rank, score in sorted(known.targets(answers).items()):
            gained[rank] += max(0.0, score - best)
            best = max(best, score)
    reached = list(accumulate(gained))
    return {size: reached[size - 1] / len(questions) for size in sizes}
