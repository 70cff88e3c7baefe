"""easy-VQA (V. Zhou 2019): `train/` and `test/`, each with `questions.json` and `images/`.

`questions.json` is a list of [question, answer, image number]; picture 7 is `images/7.png`.
"""

import re
from pathlib import Path

from runtime.errors import DataError, printable

from .files import head, read_json
from .question_list import QuestionList

SPLITS = ("train", "test")
QUESTION_TYPES = {"yes": "yes/no", "no": "yes/no", "circle": "shape", "rectangle": "shape", "triangle": "shape"}


def recognise(path: Path) -> list[Path]:
    """The `questions.json` of each split under a folder, or of the folder that is one split."""
    files = [path / split / "questions.json" for split in SPLITS] + [path / "questions.json"]
    if path.suffix.lower() == ".json":
        files = [path]
    return [file for file in files if re.match(rb"\s*\[\s*\[", head(file, 64))]


def read(path: Path, questions: QuestionList) -> None:
    """All questions of the files that `recognise` finds. Raises DataError where one is not of this shape."""
    for file in recognise(path):
        _read_split(file, questions)


def _read_split(file: Path, questions: QuestionList) -> None:
    rows = read_json(file)
    if not isinstance(rows, list):
        raise DataError(f"{printable(file)} is not a list of [question, answer, image]; give easy-VQA's own file.")
    split = "test" if file.resolve().parent.name == "test" else "train"
    images = (file.parent / "images").relative_to(questions.photos.root).as_posix()
    questions.start_file(file)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 3 or not isinstance(row[2], int):
            questions.problems.add("rows are not [question, answer, image]", f"{split} row {number}")
            continue
        question, answer, image = row
        questions.add(
            images=[f"{images}/{image}.png"],
            question_id=f"easy-vqa-{split}-{number}",
            question=question,
            answers=[answer],
            split=split,
            kind=QUESTION_TYPES.get(answer, "colour") if isinstance(answer, str) else "",
        )
