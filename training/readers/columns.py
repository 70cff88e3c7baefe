"""Which column of a table holds what: told by the usual names, or by those that the table's owner gives."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from encoders.formats import PHOTO_COLUMNS, PHOTO_SUFFIXES
from runtime.errors import SettingError, printable

IMAGES = PHOTO_COLUMNS  # the first that a row has
_CAPTIONS = ("caption", "captions", "text", "comment", "sentences")
_NUMBERED = re.compile(r"captions?[_ ]?\d+")  # caption_0, caption_1, ...: all of them
_QUESTIONS = ("question", "questions")
_ANSWERS = ("answer", "answers", "multiple_choice_answer")
_IDS = ("question_id", "qid")
_KINDS = ("type", "answer_type", "category")
MAX_LISTED = 20


class TableColumns(NamedTuple):
    """The columns of one table, by their names in it; None, or none, for what it does not have."""

    image: str | None
    captions: tuple[str, ...]
    question: str | None
    answer: str | None
    split: str | None
    id: str | None
    kind: str | None


@dataclass(frozen=True)
class Columns:
    """The columns of a table that its owner names, where they have other names than the usual ones.

    Capitals make no difference.

    Attributes:
        image: of the photos' names, or of the photos themselves.
        captions: one or several, also by a pattern such as `caption_*`.
        question, answer, split: of these.
        strip_prefix: what stands before the data set's own folder in its photos' names: with `/data/upload`, the
            photo `/data/upload/val/a.jpg` is `val/a.jpg`.

    Raises:
        SettingError: a name is empty, or is given for two different things.
    """

    image: str | None = None
    captions: tuple[str, ...] = ()
    question: str | None = None
    answer: str | None = None
    split: str | None = None
    strip_prefix: str | None = None

    def __post_init__(self):
        names = [name.strip().lower() for option in OPTIONS for name in self.given(option)]
        if "" in names or (self.strip_prefix is not None and not self.strip_prefix.strip()):
            raise SettingError("a column's name, or --strip-prefix, is empty; give a name, or leave the option out.")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise SettingError(f"the column {printable(repeated[0])!r} is given twice; name each column for one thing.")

    def given(self, option: str) -> tuple[str, ...]:
        """The names given for one of OPTIONS."""
        value = getattr(self, option)
        return (value,) if isinstance(value, str) else value or ()

    def named(self) -> bool:
        """Whether any column is named, so that only a table can be meant."""
        return any(self.given(option) for option in OPTIONS)

    def match(self, names: Iterable[str]) -> TableColumns:
        """Which of a table's columns hold what."""
        return _found(self, tuple(names))

    def all_in(self, names: Iterable[str]) -> bool:
        """Whether a table has every column that is named."""
        return self._not_in(names) is None

    def _not_in(self, names: Iterable[str]) -> tuple[str, str] | None:
        known = [name.lower() for name in names]
        pairs = [(option, name) for option in OPTIONS for name in self.given(option)]
        return next(((option, name) for option, name in pairs if not _matching(name, known)), None)

    def explain_missing(self, wanted: tuple[str, ...], file: str, names: Iterable[str]) -> str | None:
        """What a table lacks of the things wanted, in a sentence with its columns and the option to give; or None."""
        names = sorted(names)
        if not self.named() and any(name.lower().endswith(PHOTO_SUFFIXES) for name in names):
            return (
                f"{file} begins with a photo and has no names of columns; write some as its first line: image,caption."
            )
        listed = ", ".join(map(printable, names[:MAX_LISTED])) + (", ..." if len(names) > MAX_LISTED else "")
        absent = self._not_in(names)
        if absent:
            option, name = absent
            return f"{file} has no column {printable(name)!r}; give {OPTIONS[option]} one of its columns: {listed}."
        lacking = [OPTIONS[option] for option in wanted if not getattr(self.match(names), option)]
        if not lacking:
            return None
        return f"{file} has the columns {listed}; say with {' and '.join(lacking)} which to read."


OPTIONS = {field.name: f"--{field.name.removesuffix('s')}-column" for field in fields(Columns)[:-1]}
USUAL = Columns()


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name == pattern.strip().lower() or fnmatchcase(name, pattern.strip().lower())]


@lru_cache(maxsize=1024)
def _found(columns: Columns, names: tuple[str, ...]) -> TableColumns:
    known = {name.strip().lower(): name for name in reversed(names)}

    def one(given: str | None, usual: tuple[str, ...]) -> str | None:
        wanted = (given.strip().lower(),) if given else usual
        return next((known[name] for name in wanted if name in known), None)

    if columns.captions:
        in_order = [name.strip().lower() for name in names]
        captions = [name for pattern in columns.captions for name in _matching(pattern, in_order)]
    else:
        captions = [name for name in _CAPTIONS if name in known][:1]
        captions = captions or sorted(filter(_NUMBERED.fullmatch, known))
    return TableColumns(
        image=one(columns.image, IMAGES),
        captions=tuple(known[name] for name in dict.fromkeys(captions)),
        question=one(columns.question, _QUESTIONS),
        answer=one(columns.answer, _ANSWERS),
        split=one(columns.split, ("split",)),
        id=one(None, _IDS),
        kind=one(None, _KINDS),
    )
