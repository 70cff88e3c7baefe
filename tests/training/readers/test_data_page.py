"""docs/data.md keeps its word: each example on the page is written to disk and read, and none is missing."""

import re
from pathlib import Path

import pytest
from PIL import Image

from training.readers import FORMATS, questions, read_captions, splits
from training.readers.coco_objects import read_objects
from training.readers.questions import read_questions
from training.tasks.question_data import OBJECTS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
_HEADING = re.compile(r"^### (.+) \(`--format (\S+)`\)$", re.MULTILINE)
_FILE = re.compile(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def chapter(name):
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


def examples(name):
    """(heading, format, text) of each section of a chapter."""
    parts = _HEADING.split(chapter(name))[1:]
    return list(zip(parts[0::3], parts[1::3], parts[2::3], strict=True))


def on_disk(folder, text):
    """An example's photos, after its files are written too."""
    photos = [folder / name for name in re.findall(r"`([^`]+)`", re.search(r"^Photos: (.+)$", text, re.MULTILINE)[1])]
    for photo in photos:
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(photo)
    files = _FILE.findall(text)
    assert files and len(files) == text.count("```") // 2  # no block without a name
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return photos


def by_heading(name):
    return [pytest.param(format, text, id=heading) for heading, format, text in examples(name)]


@pytest.mark.parametrize(("format", "text"), by_heading("Captions"))
def test_examples_of_captions(tmp_path, format, text):
    photos = on_disk(tmp_path, text)
    data = read_captions(tmp_path)
    assert data.format == format and not data.problems.counts
    assert {record.image for record in data.records} == set(photos)
    assert len({caption for record in data.records for caption in record.captions}) >= len(photos)
    assert data.records == read_captions(tmp_path, format).records


@pytest.mark.parametrize(("format", "text"), by_heading("Questions"))
def test_examples_of_questions(tmp_path, format, text):
    photos = on_disk(tmp_path, text)
    data = read_questions(tmp_path)
    assert data.format == format and not data.problems.counts
    assert {record.image for record in data.records} == set(photos)
    assert all(record.question and record.answers for record in data.records)


@pytest.mark.parametrize(("format", "text"), by_heading("Object labels"))
def test_examples_of_object_labels(tmp_path, format, text):
    photos = on_disk(tmp_path, text)
    data = read_objects(tmp_path)
    assert format == OBJECTS and not data.problems.counts
    assert [record.image for record in data.records] == photos and all(record.objects for record in data.records)


def test_every_format_has_an_example():
    assert {format for _, format, _ in examples("Captions")} == set(FORMATS)
    assert {format for _, format, _ in examples("Questions")} == set(questions.FORMATS)


def test_made_splits_are_as_the_page_says():
    text = " ".join(chapter("Splits that are missing").split())
    assert f"{splits.SHARE:.0%} of its training photos" in text and f"fewer than {splits.MIN_PHOTOS} photos" in text


def test_every_problem_that_a_reader_counts_is_on_the_page():
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "training" / "readers").glob("*.py"))
    counted = set(
        re.findall(r'(?:add\(|UniqueIds\(|else |return )"([a-z][^"]+ (?:are|have|name|leave|fit) [^"]+)"', source)
    )
    in_coco = ("images", "captions", "labels", "categories")  # f"{what} are not ..."
    counted |= {f"{what} are not in the right form" for what in in_coco}
    rows = re.findall(r"^\| (\w+ .+) \| .+ \|$", chapter("What is counted as a problem"), re.MULTILINE)
    said = [row.replace("\\|", "|") for row in rows if row != "what is said"]
    assert set(said) == counted and len(said) == len(counted)
