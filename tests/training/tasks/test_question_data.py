"""Questions of a data set that has none: they are made from its captions."""

from pathlib import Path

import pytest
from toys import square

from runtime.errors import DataError, SettingError
from training.tasks.question_data import read_or_generate


def captions(folder: Path, *lines: str, photos: int) -> Path:
    """Flickr8k's file of captions, with its photos."""
    for i in range(photos):
        square("red", "left", i).save(folder / f"{i}.jpg")
    (folder / "x.token.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_captions_alone_become_questions(tmp_path):
    lines = [f"{i}.jpg#{j}\tA black dog runs on the beach ." for i in range(6) for j in range(5)]
    data = read_or_generate(captions(tmp_path, *lines, photos=6))
    assert data.format == "questions from flickr8k"
    assert {"What animal is this?", "Where is the dog?"} & {r.question for r in data.records}
    assert {r.split for r in data.records} == {"train", "val", "test"}
    assert read_or_generate(tmp_path, "captions").records == data.records


def test_where_there_are_questions_captions_are_used_only_when_asked_for(tmp_path):
    lines = [f"{i}.jpg#{j}\tA black dog runs on the beach ." for i in range(6) for j in range(5)]
    captions(tmp_path, *lines, photos=6)
    (tmp_path / "qa.csv").write_text("image,question,answer\n0.jpg,is it day?,yes\n")
    assert [r.question for r in read_or_generate(tmp_path).records] == ["is it day?"]
    assert read_or_generate(tmp_path, "captions").format == "questions from flickr8k"


def test_captions_in_no_known_language_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match="give English captions"):
        read_or_generate(captions(tmp_path, "0.jpg#0\tЧёрная собака бежит .", photos=1))


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="no data set of questions that is known"):
        read_or_generate(tmp_path)
    for format in (None, "captions", "vqa"):
        with pytest.raises(DataError, match="does not exist"):
            read_or_generate(tmp_path / "nowhere", format)
    with pytest.raises(SettingError, match=r"format 'voc' is not known; choose one of vqa, .*, captions"):
        read_or_generate(tmp_path, "voc")
