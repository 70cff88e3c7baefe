"""What a row must have before it becomes a QuestionRecord: every reader of questions adds its rows here."""

import re
from collections.abc import Sequence

from .image_folder import ImageFolder
from .records import Problems, QuestionRecord

_SPLIT_WORDS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_in(name: str) -> str | None:
    """The split a file or a column names: `v2_mscoco_val2014_questions.json` -> `val`; `test-dev2015` is `test`."""
    found = [_SPLIT_WORDS[word] for word in re.findall(r"[a-z]+", name.lower()) if word in _SPLIT_WORDS]
    return "test" if "test" in found else found[0] if found else None


def text_of(value: object) -> str | None:
    """A JSON value that stands for a text (a string, or a number), None where it does not."""
    if isinstance(value, str):  # JSON can hold half a character, which cannot be saved
        return value.encode("utf-8", "replace").decode().strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class QuestionList:
    """Collects the records of one data set; a row that cannot be one is counted in `problems` and left out."""

    def __init__(self, photos: ImageFolder, problems: Problems):
        self.photos, self.problems = photos, problems
        self.records: list[QuestionRecord] = []
        self._ids: set[str] = set()

    def add(
        self,
        *,
        images: Sequence[object],
        question_id: object,
        question: object,
        answers: Sequence[object] | None,
        split: str,
        kind: object = "",
    ) -> None:
        """One row as it stands in the file.

        Args:
            images: the names the photo may have in this data set, the likeliest first.
            answers: None where the file gives none (a test file); an empty list is a fault.
        """
        key, text = text_of(question_id), text_of(question)
        fault = self._fault(key, text, answers)
        if fault:
            self.problems.add(fault, key or repr(question_id)[:80])
            return
        image = self._image(images)
        if image is None:
            return
        self._ids.add(key)
        kept = tuple(answer for answer in map(text_of, answers or ()) if answer)
        self.records.append(QuestionRecord(image, key, text, kept, split, kind if isinstance(kind, str) else ""))

    def _fault(self, key: str | None, text: str | None, answers: Sequence[object] | None) -> str | None:
        if not key or text is None:
            return "questions are not in the right form"
        if key in self._ids:
            return "question ids are given twice"
        if not text:
            return "questions are empty"
        if answers is not None and any(text_of(answer) is None for answer in answers):
            return "answers are not text"
        if answers is not None and not any(map(text_of, answers)):
            return "answers are empty"
        return None

    def _image(self, names: Sequence[object]):
        for name in names:
            photo = self.photos.find(name) if isinstance(name, str) else None
            if photo is not None:
                return photo
        return self.photos.find_or_report(names[0], self.problems)
