"""GQA (Hudson & Manning 2019): JSON files of questions by their ids, each with the id of its photo.

`{"02930152": {"question": "Is the sky dark?", "imageId": "2354786", "answer": "yes", "types": {...}}}`
in `train_balanced_questions.json`, or in the ten files of `train_all_questions/`. Photo 2354786 is `2354786.jpg`. The
files are large, so that a question is read at a time.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import DataError, printable

from .cells import split_in
from .files import head, read_text
from .question_list import QuestionList

_FIRST = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*\{')
_COLON, _COMMA = re.compile(r"\s*:\s*"), re.compile(r"\s*,\s*")


def recognise(path: Path) -> list[Path]:
    """The files of questions in a folder and its sub-folders, or the one file; the balanced ones where there are any.

    Every question of `train_balanced_questions.json` is in `train_all_questions/` too.
    """
    if path.is_file():
        return [path] if path.suffix.lower() == ".json" and is_gqa(path) else []
    places = [path.glob(f"{start}*questions*.json") for start in ("", "*/", "*/*/")]
    found = sorted(file for files in places for file in files if is_gqa(file))
    return [file for file in found if "balanced" in file.name] or found


def is_gqa(file: Path) -> bool:
    """Whether a file is one of GQA's, by its beginning."""
    start = head(file)
    return _FIRST.match(start) is not None and b'"imageId"' in start


def read(path: Path, questions: QuestionList) -> None:
    """All questions of the files that `recognise` finds. Raises DataError where one is not JSON."""
    for file in recognise(path):
        questions.start_file(file)
        split = split_in(file.stem) or split_in(file.parent.name) or "train"
        for key, row in _items(file):
            if not isinstance(row, dict):
                questions.problems.add("questions are not in the right form", key)
                continue
            types, answer = row.get("types"), row.get("answer")
            questions.add(
                images=[f"{row.get('imageId')}.jpg"],
                question_id=key,
                question=row.get("question"),
                answers=None if answer is None else [answer],
                split=split,
                kind=types.get("structural", "") if isinstance(types, dict) else "",
            )


def _items(file: Path) -> Iterator[tuple[str, object]]:
    """The (key, value) pairs of the object in a JSON file, of which one at a time is in memory."""
    text, read = read_text(file), json.JSONDecoder().raw_decode
    place = text.index("{") + 1
    try:
        while True:
            place = re.compile(r"\s*").match(text, place).end()
            if text[place] == "}":
                return
            key, place = read(text, place)
            value, place = read(text, _COLON.match(text, place).end())
            yield str(key), value
            comma = _COMMA.match(text, place)
            place = comma.end() if comma else re.compile(r"\s*(?=\})").match(text, place).end()
    except (ValueError, AttributeError, IndexError, RecursionError):
        raise DataError(f"{printable(file)} is not valid JSON at character {place:,}; download it again.") from None
