"""Questions of a data set that has none: they are made from its captions."""

import json
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


def labels(folder: Path, photos: int) -> None:
    """COCO's file of object labels: a dog in every other photo."""
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 10, "height": 10} for i in range(photos)]
    boxes = [{"image_id": i, "category_id": 1 + i % 2, "bbox": [0, 0, 5, 5]} for i in range(photos)]
    kinds = [{"id": 1, "name": "dog"}, {"id": 2, "name": "bus"}]
    content = {"images": images, "annotations": boxes, "categories": kinds}
    (folder / "instances_train2014.json").write_text(json.dumps(content))


def test_object_labels_alone_become_questions(tmp_path):
    labels(captions(tmp_path, photos=40), 40)
    data = read_or_generate(tmp_path)
    assert data.format == "questions from coco objects" and set(data.made) == {"val", "test"}
    assert {r.split for r in data.records} == {"train", "val", "test"}
    assert {"yes", "no", "1", "dog", "bus"} >= {r.answers[0] for r in data.records} >= {"yes", "no"}


def test_object_labels_beside_questions_are_used_when_asked_for_and_to_train_on_only(tmp_path):
    labels(captions(tmp_path, photos=40), 40)
    rows = "\n".join(f"{i}.jpg,is it day?,yes,{'train' if i < 20 else 'val' if i < 30 else 'test'}" for i in range(38))
    (tmp_path / "qa.csv").write_text(f"image,question,answer,split\n{rows}\n")
    assert read_or_generate(tmp_path).format == "table"
    both = read_or_generate(tmp_path, generate=True)
    assert both.format == "table+objects" and both.made == ()
    assert both.records[:38] == read_or_generate(tmp_path).records
    made = both.records[38:]
    assert made and all(r.split == "train" and (int(r.image.stem) < 20 or int(r.image.stem) > 37) for r in made)
    assert {int(r.image.stem) for r in made} > set(range(20))
    assert read_or_generate(tmp_path, "objects").format == "questions from coco objects"


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
