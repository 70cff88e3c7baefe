"""Collecting questions: every reader adds its rows to a `QuestionList`, which checks them and makes records."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .cells import is_blank, text_of
from .columns import USUAL, Columns
from .image_folder import ImageFolder
from .records import SPLITS, Problems, QuestionRecord


class QuestionList:
    """Collects the records of one data set; a row that cannot be one is counted in `problems` and left out."""

    def __init__(self, photos: ImageFolder, problems: Problems, columns: Columns = USUAL):
        self.photos, self.problems, self.columns = photos, problems, columns
        self.records: list[QuestionRecord] = []
        self._file, self._ids = Path(), set()  # of the file that is read now, each with its split
        self._all_ids: set[str] = set()
        self._first_place: dict[tuple, tuple[Path, int]] = {}  # (photo, question, answers) -> its file and number

    def start_file(self, file: Path) -> None:
        """Tell that the rows of a file follow: an id may come again in another file or split, a row counts once."""
        self._file, self._ids = file, set()

    def add(
        self,
        *,
        images: Sequence[object],
        question_id: object,
        question: object,
        answers: Sequence[object] | None,
        split: str | None,
        kind: object = "",
    ) -> None:
        """One row as it stands in the file.

        Args:
            images: the names the photo may have in this data set, the likeliest first.
            answers: None where the file gives none (a test file); an empty list is a fault.
            split: None where the row names one that is not known.
        """
        key, text = text_of(question_id), text_of(question)
        fault = self._fault(key, text, answers, split)
        if fault:
            self.problems.add(fault, key or repr(question_id)[:80])
            return
        image = self._image(images)
        if image is None:
            return
        self._ids.add((split, key))
        kept = tuple(answer for answer in map(text_of, answers or ()) if answer)
        self._keep(
            QuestionRecord(image, self._own_id(key, split), text, kept, split, kind if isinstance(kind, str) else "")
        )

    def _own_id(self, key: str, split: str) -> str:
        """An id that no other row has, for ids restart in each split, and in each split's file."""
        if key in self._all_ids:
            key = f"{self._file.parent.name}/{self._file.stem}-{split}-{key}"
        self._all_ids.add(key)
        return key

    def _keep(self, record: QuestionRecord) -> None:
        key = record.image, record.question, record.answers
        file, number = self._first_place.setdefault(key, (self._file, len(self.records)))
        if file == self._file:  # there several people may have said it
            self.records.append(record)
            return
        self.problems.add("questions are in two files and count once", record.question_id)
        known = self.records[number]  # a photo tested on must not be trained on
        self.records[number] = replace(known, split=max(known.split, record.split, key=SPLITS.index))

    def _fault(
        self, key: str | None, text: str | None, answers: Sequence[object] | None, split: str | None
    ) -> str | None:
        if not key or text is None:
            return "questions are not in the right form"
        if (split, key) in self._ids:
            return "question ids are given twice"
        if is_blank(text):
            return "questions are empty"
        if answers is not None and any(text_of(answer) is None for answer in answers):
            return "answers are not text"
        if answers is not None and not any(map(text_of, answers)):
            return "answers are empty"
        if split is None:
            return "questions are in no known split"
        return None

    def _image(self, names: Sequence[object]):
        for name in names:
            photo = self.photos.find(name) if isinstance(name, str) else None
            if photo is not None:
                return photo
        return self.photos.find_or_report(names[0], self.problems)
