"""DAQUAR (Malinowski & Fritz 2014): questions about indoor photos, split by the official lists of images.

A question line names its photo ("what is on the table in the image7 ?") and an answer line follows. The name of the
photo is taken out of the question, since no user would write it. An answer of several words is written with
underscores ("garbage_bin"), which become spaces; several answers stand behind commas ("pillow, blanket") and stay
one text: vqa/answers.py says how they are taught and scored.
"""

import re
from pathlib import Path

from .cells import split_in
from .files import read_text
from .question_list import QuestionList
from .records import Problems

_LISTS = {"train_images_list.txt": "train", "test_images_list.txt": "test"}
_PHOTO = re.compile(r"\bimage\d+\b")
_LAST_WORDS = re.compile(r"\s+(?:in|on|of)\s+(?:the\s+)?image\d+\s*\?$")


def recognise(path: Path) -> list[Path]:
    """`all_qa_pairs.txt`, or the original files such as `qa.894.raw.train.txt`, in a folder."""
    if path.is_file():
        return [path] if path.name == "all_qa_pairs.txt" or path.match("qa.*.txt") else []
    everything = path / "all_qa_pairs.txt"
    return [everything] if everything.is_file() else sorted(path.glob("qa.*.txt"))


def read(path: Path, questions: QuestionList) -> None:
    """All questions of the files that `recognise` finds. Raises DataError where one cannot be read."""
    listed = _splits(path if path.is_dir() else path.parent, questions.problems)
    for file in recognise(path):
        _read_file(file, listed, questions)


def _splits(root: Path, problems: Problems) -> dict[str, str]:
    """Image name -> split, from the official lists; empty where there are none."""
    listed: dict[str, str] = {}
    for name, split in _LISTS.items():
        if not (root / name).is_file():
            continue
        for image in read_text(root / name).split():
            if listed.setdefault(image, split) != split:
                problems.add("images are in both lists and taken for test", image)
                listed[image] = "test"
    return listed


def _read_file(file: Path, listed: dict[str, str], questions: QuestionList) -> None:
    questions.start_file(file)
    lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    if len(lines) % 2:
        questions.problems.add("last questions have no answer line", file.name)
    for number in range(0, len(lines) - 1, 2):
        photo = _PHOTO.search(lines[number])
        if photo is None:
            questions.problems.add("questions name no image", f"{file.name} line {number + 1}")
            continue
        image = photo[0]
        if listed and image not in listed:
            questions.problems.add("questions are about an image of no list", image)
            continue
        questions.add(
            images=[f"{image}.jpg", f"{image}.png"],
            question_id=f"{file.stem}-{number // 2 + 1}",
            question=_PHOTO.sub("image", _LAST_WORDS.sub(" ?", lines[number])),
            answers=[lines[number + 1].replace("_", " ")],
            split=listed.get(image) or split_in(file.stem) or "train",
        )
