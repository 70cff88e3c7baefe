"""COCO-QA (Ren et al. 2015): one question and a one-word answer about a COCO photo, made from captions.

Two layouts: JSON lines (`cocoqa*.jsonl` with image, question, answer, type), and the original four files a split,
`questions.txt`, `answers.txt`, `types.txt` and `img_ids.txt`, line by line alike. Its numbers are words ("two"); they
become digits, as in VQA, so that both can train one model. That changes no score: each word has its own digits.
"""

from pathlib import Path

from vqa.answers import normalise_answer

from .cells import split_in
from .files import read_text
from .question_list import QuestionList
from .tables import add_rows

TYPES = {"0": "object", "1": "number", "2": "color", "3": "location"}
_FILES = ("questions.txt", "answers.txt", "types.txt", "img_ids.txt")


def recognise(path: Path) -> list[Path]:
    """The JSON lines files, and the folders with the four text files, at or under a path."""
    if path.is_file():
        return [path] if path.match("cocoqa*.jsonl") else []
    folders = [folder for folder in (path, path / "train", path / "test") if _is_original(folder)]
    return sorted(path.glob("cocoqa*.jsonl")) + folders


def _is_original(folder: Path) -> bool:
    return all((folder / name).is_file() for name in _FILES)


def read(path: Path, questions: QuestionList) -> None:
    """All questions of the files that `recognise` finds. Raises DataError where one cannot be read."""
    for source in recognise(path):
        if source.is_dir():
            _read_original(source, questions)
        else:
            add_rows(source, questions, answer_of=_with_digits)


def _with_digits(row: dict) -> object:
    answer = row.get("answer")
    return normalise_answer(answer) if row.get("type") == "number" and isinstance(answer, str) else answer


def _read_original(folder: Path, questions: QuestionList) -> None:
    questions.start_file(folder)
    lines = [read_text(folder / name).splitlines() for name in _FILES]
    if len(set(map(len, lines))) > 1:
        questions.problems.add("folders have files of unequal length, read as far as the shortest", folder)
    split = split_in(folder.name) or "train"
    for number, (question, answer, kind, image_id) in enumerate(zip(*lines, strict=False), start=1):
        kind = TYPES.get(kind.strip(), "")
        names = [f"COCO_{part}2014_{image_id.strip().zfill(12)}.jpg" for part in ("train", "val")]
        questions.add(
            images=names,
            question_id=f"cocoqa-{split}-{number}",
            question=question,
            answers=[_with_digits({"answer": answer, "type": kind})],
            split=split,
            kind=kind,
        )
