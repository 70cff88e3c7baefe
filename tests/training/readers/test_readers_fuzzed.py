"""Every reader, on the examples of docs/data.md damaged at random: a result or one of our errors, in bounded time."""

import copy
import json
import re
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import GlimpseError
from training.readers import FORMATS, questions, read_captions
from training.readers.questions import read_questions

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
SECTIONS = [part for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:] if "\nPhotos: " in part]
EXAMPLES = [  # of each section: its photos, and its files with their names
    (
        re.findall(r"`([^`]+)`", re.search(r"^Photos: (.+)$", part, re.MULTILINE)[1]),
        dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)),
    )
    for part in SECTIONS
]
ODD_BYTES = [b'"', b"'", b"[", b"{", b",", b"\t", b"|", b"#", b"\n", b"\r", b"\0", b"\xff\xfe", b"\xed\xa0\x80",
             b"NaN", b"\\ud800", b"9" * 5000, b"[" * 3000, b"../", b"/", b"\x1a", "\u2028".encode(),
             b"(" * 300, b"x" * 140_000, b'"' + b"x\n" * 70_000]  # fmt: skip
ENCODINGS = ["utf-16", "utf-16-be", "utf-8-sig", "cp1252"]
SECONDS = 60  # for one call, the machine being busy with other things
ODD_VALUES = [None, True, 0, -1, 10**400, 1.5, float("nan"), float("inf"), "", " ", "a", "\ud800", "\0", "../a.jpg",
              "/", "//", "C:", "x" * 300, "a/" * 300, "*", "[", "['a' 'b']", [], {}, [[]], [None],
              {"answer": None}]  # fmt: skip
READS = [(read_captions, format) for format in (None, *FORMATS)]
READS += [(read_questions, format) for format in (None, *questions.FORMATS)]


@st.composite
def damaged(draw) -> tuple[list[str], dict[str, bytes], list]:
    """Photos and files of one example or of two together, with a few damages; and how to read which of them."""
    photos, files = [], {}
    for more_photos, more_files in draw(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=2)):
        photos += more_photos
        files |= {name: text.encode() for name, text in more_files.items()}
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        files[name] = draw(st.sampled_from([cut, insert, replace_value, recode]))(draw, files[name])
    reads = st.tuples(st.sampled_from(["", *sorted(files)]), st.sampled_from(READS))
    return photos, files, draw(st.lists(reads, min_size=2, max_size=4))


def cut(draw, content: bytes) -> bytes:
    """Without a piece of it."""
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    return content[:start] + content[end:]


def insert(draw, content: bytes) -> bytes:
    """With something odd in it."""
    place = draw(st.integers(0, len(content)))
    return content[:place] + draw(st.sampled_from(ODD_BYTES) | st.binary(max_size=8)) + content[place:]


def recode(draw, content: bytes) -> bytes:
    """As another program would save it."""
    return content.decode("utf-8", "replace").encode(draw(st.sampled_from(ENCODINGS)), "replace")


def replace_value(draw, content: bytes) -> bytes:
    """JSON, or lines of it, with one value that nobody would expect; as it is where it is no JSON."""
    try:
        values = [json.loads(content)]
    except (ValueError, RecursionError):
        try:
            values = [json.loads(line) for line in content.splitlines()]
        except (ValueError, RecursionError):
            return insert(draw, content)
    values = copy.deepcopy(values)
    node, keys = values, range(len(values))
    while keys:
        key = draw(st.sampled_from(list(keys)))
        child = node[key]
        keys = list(child) if isinstance(child, dict) else range(len(child)) if isinstance(child, list) else ()
        if not keys or draw(st.integers(0, 3)) == 0:
            node[key] = draw(st.sampled_from(ODD_VALUES))
            break
        node = child
    try:
        return "\n".join(json.dumps(value) for value in values).encode()
    except ValueError:  # Python writes no whole number of so many digits
        return content


def read_all(photos: list[str], files: dict[str, bytes], reads: list) -> None:
    """The folder by the readers that recognise it, then as `reads` say."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in [(photo, b"\xff\xd8\xff") for photo in photos] + list(files.items()):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        for path, (read, format) in [("", (read_captions, None)), ("", (read_questions, None)), *reads]:
            began = time.monotonic()
            try:
                data = read(folder / path, format)
            except GlimpseError as error:
                assert str(error).isprintable()
            else:
                assert data.records and all(record.image.is_relative_to(folder) for record in data.records)
                assert all(line.isprintable() for line in data.problems.sentences())
            assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(("photos", "files"), EXAMPLES)
def test_the_examples_themselves(photos, files):
    everything = [("", read) for read in READS] + [(name, read) for name in files for read in READS]
    read_all(photos, {name: text.encode() for name, text in files.items()}, everything)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_data(example):
    read_all(*example)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_much_damaged_data(example):
    read_all(*example)
