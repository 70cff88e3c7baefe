"""The VQA data set's own files (v1 and v2, and data sets made in its shape): questions JSON and annotations JSON.

A test set has questions alone. Questions files are paired with annotations files by name, and their rows by
question id. The photo of image 42 is looked for as COCO_{subtype}_000000000042.jpg, then as 000000000042.jpg (COCO
2017); an image id that is text is itself the photo's name.
"""

import re
from pathlib import Path

from runtime.errors import DataError, printable

from . import gqa
from .cells import plain_id, same_id, split_in
from .files import head, read_json
from .image_folder import photo_root
from .question_list import QuestionList
from .records import Problems

_KIND_OF_FILE = re.compile(r"(openended|multiplechoice)_|_?(questions|annotations)", re.IGNORECASE)


def recognise(path: Path) -> list[tuple[Path, Path | None]]:
    """The (questions, annotations) files of a folder, or those that one of the two files belongs to."""
    if path.is_dir():
        return _pairs(path)
    if path.suffix.lower() != ".json" or not re.match(rb'\s*\{.*"(questions|annotations)"\s*:\s*\[', head(path), re.S):
        return []
    found = [pair for pair in _pairs(photo_root(path)) if path in pair]
    return found or ([(path, None)] if b'"questions"' in head(path) else [])


def _pairs(root: Path) -> list[tuple[Path, Path | None]]:
    files = sorted([*root.glob("*.json"), *root.glob("*/*.json")])
    annotations = {_key(file): file for file in files if "annotations" in file.name.lower()}
    questions: dict[str, Path] = {}
    for file in files:
        if "questions" in file.name.lower() and re.match(rb"\s*\{", head(file)) and not gqa.is_gqa(file):
            multiple_choice = "multiplechoice" in file.name.lower()  # v1 has the same questions in both files
            if _key(file) not in questions or not multiple_choice:
                questions[_key(file)] = file
    return [(file, annotations.get(key)) for key, file in sorted(questions.items())]


def _key(file: Path) -> str:
    return _KIND_OF_FILE.sub("", file.stem).lower()


def read(path: Path, rows: QuestionList) -> None:
    """All questions of a folder or file that `recognise` knows.

    Raises:
        DataError: a file is not JSON, or not of this shape.
    """
    for questions_file, annotations_file in recognise(path):
        _read_pair(questions_file, annotations_file, rows)


def _read_pair(questions_file: Path, annotations_file: Path | None, rows: QuestionList) -> None:
    rows.start_file(questions_file)
    content, questions = _list_in(questions_file, "questions")
    annotations = _annotations(annotations_file, rows.problems) if annotations_file else None
    asked = set()
    subtype = content.get("data_subtype")
    subtype = subtype if isinstance(subtype, str) else ""
    split = split_in(subtype) or split_in(questions_file.name) or "train"
    for row in questions:
        if not isinstance(row, dict):
            rows.problems.add("questions are not in the right form", repr(row)[:80])
            continue
        asked.add(plain_id(row.get("question_id")))
        annotation = {} if annotations is None else annotations.get(plain_id(row.get("question_id")))
        if _belong_together(row, annotation, rows.problems):
            rows.add(
                images=_image_names(row.get("image_id"), subtype),
                question_id=row.get("question_id"),
                question=row.get("question"),
                answers=_answers(annotation) if annotation else None,
                split=split,
                kind=annotation.get("answer_type", ""),
            )
    for key in annotations or ():
        if key not in asked:
            rows.problems.add("annotations have no question", key)


def _list_in(file: Path, name: str) -> tuple[dict, list]:
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get(name), list):
        raise DataError(f"{printable(file)} has no list of {name}; give a file in the official VQA shape.")
    return content, content[name]


def _annotations(file: Path, problems: Problems) -> dict[str, dict]:
    found: dict[str, dict] = {}
    for row in _list_in(file, "annotations")[1]:
        key = plain_id(row.get("question_id")) if isinstance(row, dict) else None
        if not key:
            problems.add("annotations are not in the right form", repr(row)[:80])
        elif key in found:
            problems.add("annotations are given twice", key)
        else:
            found[key] = row
    return found


def _belong_together(question: dict, annotation: dict | None, problems: Problems) -> bool:
    """Whether a question's annotation is there and of the same photo; `{}` stands for a file without annotations."""
    if annotation is None:
        problems.add("questions have no annotation", question.get("question_id"))
        return False
    image = question.get("image_id")
    if annotation and not same_id(annotation.get("image_id", image), image):
        problems.add("annotations name another image than their question", question.get("question_id"))
        return False
    return True


def _answers(annotation: dict) -> list:
    answers = annotation.get("answers")
    if not isinstance(answers, list):
        answers = [annotation.get("multiple_choice_answer")]
    return [answer.get("answer") if isinstance(answer, dict) else answer for answer in answers]


def _image_names(image_id: object, subtype: str) -> list:
    digits = plain_id(image_id) or ""
    if not (digits.isascii() and digits.isdecimal()):
        return [image_id]
    number = digits.zfill(12)
    subtype = subtype.replace("test-dev", "test")  # its photos are those of the whole test set
    return [f"COCO_{subtype}_{number}.jpg", f"{number}.jpg", f"abstract_v002_{subtype}_{number}.png"]
