"""Words to numbers and back: splitting a sentence, and the vocabulary a model knows. Needs no downloaded data."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from runtime.errors import SettingError

PAD, START, END, UNK = 0, 1, 2, 3
SPECIALS = ("<pad>", "<start>", "<end>", "<unk>")
UNITS = ("word", "character")


@cache
def _word(*, marks: bool) -> re.Pattern:
    """A word is letters and digits of any script, with apostrophes inside: "man's", "t-shirt" -> "t", "shirt".

    Scripts such as Hindi and Thai write their vowels as marks on the letter before, which `re` does not count as
    letters. To find those marks takes 0.03 s, which a text without any need not wait for.
    """
    letters = r"[^\W_]+"
    if marks:
        found = "".join(c for c in map(chr, range(0x300, 0x10000)) if unicodedata.category(c)[0] == "M")
        letters = rf"{letters}(?:[{found}]+[^\W_]*)*"
    return re.compile(rf"{letters}(?:'{letters})*")


def tokenize(text: str, unit: str = "word") -> list[str]:
    """Lower-case words without punctuation, or the lower-case characters with runs of white space as one space."""
    text = unicodedata.normalize("NFC", text.lower()).replace("’", "'")  # é is one letter, however it was typed
    return _word(marks=not text.isascii()).findall(text) if unit == "word" else list(" ".join(text.split()))


@dataclass(frozen=True)
class Vocabulary:
    """The tokens a model knows, in the order of their ids; the four special ones come first.

    Attributes:
        tokens: every token; `tokens[id]` is its text.
        unit: what a token is, `word` or `character`.
    """

    tokens: tuple[str, ...]
    unit: str = "word"
    ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if self.unit not in UNITS:
            raise SettingError(f"unit is {self.unit!r}; choose word or character.")
        if tuple(self.tokens[: len(SPECIALS)]) != SPECIALS or len(set(self.tokens)) != len(self.tokens):
            raise SettingError(f"a vocabulary begins with {' '.join(SPECIALS)} and has every token once.")
        object.__setattr__(self, "tokens", tuple(self.tokens))
        object.__setattr__(self, "ids", {token: id for id, token in enumerate(self.tokens)})

    @classmethod
    def build(
        cls, texts: Iterable[str], *, min_count: int = 1, max_size: int | None = None, unit: str = "word"
    ) -> "Vocabulary":
        """The tokens seen at least `min_count` times, most frequent first, ties by alphabet, at most `max_size`."""
        counts = Counter(token for text in texts for token in tokenize(text, unit))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [token for token, count in ranked if count >= min_count and token not in SPECIALS]
        return cls(SPECIALS + tuple(kept[: None if max_size is None else max(0, max_size - len(SPECIALS))]), unit)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """The ids of a text's tokens, `<unk>` for an unknown one; neither start nor end is added."""
        return [self.ids.get(token, UNK) for token in tokenize(text, self.unit)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids; padding, start and end are left out."""
        joint = " " if self.unit == "word" else ""
        return joint.join(self.tokens[id] for id in ids if id not in (PAD, START, END))


def pad(sequences: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids of different lengths -> tokens (B, T), padded at the end, and lengths (B,). T is at least 1."""
    width = max(1, max(map(len, sequences), default=0))
    tokens = np.array([[*s, *[PAD] * (width - len(s))] for s in sequences], dtype=np.int64)
    return tokens.reshape(-1, width), np.array([len(s) for s in sequences], dtype=np.int64)
