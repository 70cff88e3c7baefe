"""Tables whose columns have other names, and data sets as they are published."""

import json

import pytest
from PIL import Image

from runtime.errors import DataError, SettingError
from training.readers import read_captions
from training.readers.columns import Columns
from training.readers.questions import read_questions


def photos(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def captions_by_name(data):
    return {record.image.name: (record.split, record.captions) for record in data.records}


# Columns


def test_columns_of_other_names(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg")
    write(tmp_path / "own.csv", "Photo,said_1,said_2,part\na.jpg,a dog,it runs,train\nb.jpg,a cat,,val\n")
    columns = Columns(image="photo", captions=("said_*",), split="part")
    assert captions_by_name(read_captions(tmp_path, columns=columns)) == {
        "a.jpg": ("train", ("a dog", "it runs")), "b.jpg": ("val", ("a cat",)),
    }  # fmt: skip


def test_numbered_columns_are_known_and_one_named_caption_goes_before(tmp_path):
    photos(tmp_path, "a.jpg")
    file = write(tmp_path / "own.csv", "image,caption_0,caption_1\na.jpg,a dog,it runs\n")
    assert captions_by_name(read_captions(tmp_path)) == {"a.jpg": ("train", ("a dog", "it runs"))}
    write(file, "image,caption_0,caption\na.jpg,a dog,it runs\n")
    assert captions_by_name(read_captions(tmp_path)) == {"a.jpg": ("train", ("it runs",))}


def test_captions_beside_questions_in_one_table_are_read_where_they_are_named(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "own.csv", "image,question,answer,said\na.jpg,what?,a dog,a dog runs\n")
    assert captions_by_name(read_captions(tmp_path, columns=Columns(captions=("said",)))) == {
        "a.jpg": ("train", ("a dog runs",))
    }


def test_columns_of_questions(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "own.jsonl", {"img": "a.jpg", "asked": "what is it?", "reply": ["a dog", "dog"], "part": "test"})
    columns = Columns(image="img", question="asked", answer="reply", split="part")
    data = read_questions(tmp_path, columns=columns)
    assert [(r.question, r.answers, r.split) for r in data.records] == [("what is it?", ("a dog", "dog"), "test")]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (Columns(),
         "own.csv has the columns about, photo; say with --image-column and --caption-column which to read."),
        (Columns(image="photo"), "own.csv has the columns about, photo; say with --caption-column which to read."),
        (Columns(image="photo", captions=("said_*",)),
         "own.csv has no column 'said_*'; give --caption-column one of its columns: about, photo."),
        (Columns(image="photo", captions=("about",), split="part"),
         "own.csv has no column 'part'; give --split-column one of its columns: about, photo."),
    ],
)  # fmt: skip
def test_a_table_that_is_not_understood_says_its_columns_and_the_option(tmp_path, columns, sentence):
    photos(tmp_path, "a.jpg")
    file = write(tmp_path / "own.csv", "photo,about\na.jpg,a dog\n")
    for path in (tmp_path, file):
        with pytest.raises(DataError) as told:
            read_captions(path, columns=columns)
        assert str(told.value) == sentence


def test_a_table_of_questions_that_is_not_understood(tmp_path):
    write(tmp_path / "own.csv", "photo,asked\na.jpg,what?\n")
    with pytest.raises(DataError, match="columns asked, photo; say with --image-column and --question-column"):
        read_questions(tmp_path)
    with pytest.raises(DataError, match="no column 'q'; give --question-column one of its columns: asked, photo"):
        read_questions(tmp_path, columns=Columns(image="photo", question="q"))


@pytest.mark.parametrize(
    "wrong", [{"image": ""}, {"captions": ("a", " ")}, {"image": "a", "split": "A"}, {"strip_prefix": ""}]
)
def test_columns_that_make_no_sense(wrong):
    with pytest.raises(SettingError):
        Columns(**wrong)


# Prefixes


def test_a_prefix_of_another_computer_is_taken_off(tmp_path):
    photos(tmp_path, "a.jpg", "old/a.jpg", "old/b.jpg")
    write(tmp_path / "own.csv", "image,caption\n/data/upload/4/a.jpg,a ball\nC:\\x\\old/b.jpg,a box\n")
    problems = read_captions(tmp_path).problems
    assert problems.sentences() == [
        "1 image names fit more than one photo, such as /data/upload/4/a.jpg (--strip-prefix takes off what stands "
        "before the folder)"
    ]
    data = read_captions(tmp_path, columns=Columns(strip_prefix="/data/upload/4/"))
    assert {record.image for record in data.records} == {tmp_path / "a.jpg", tmp_path / "old/b.jpg"}
    assert not data.problems.counts


# Text files


def test_text_files_beside_photos(tmp_path):
    photos(tmp_path, "a.jpg", "sub/val/B.JPG", "c.png", "alone.jpg")
    write(tmp_path / "a.txt", "\ufeffa dog\r\n\r\n it runs \r\n")
    write(tmp_path / "sub/val/B.caption", "a cat")
    write(tmp_path / "c.txt", "\n")
    write(tmp_path / "notes.txt", "no photo of this name")
    data = read_captions(tmp_path)
    assert data.format == "sidecar"
    assert captions_by_name(data) == {"a.jpg": ("train", ("a dog", "it runs")), "B.JPG": ("val", ("a cat",))}
    assert data.problems.counts == {"images have no captions": 1}


def test_a_text_that_cannot_be_read_is_one_sentence(tmp_path):
    photos(tmp_path, "a.jpg")
    (tmp_path / "a.txt").write_bytes(b"un chien \xe0 pied")
    with pytest.raises(DataError, match=r"a\.txt is neither UTF-8"):
        read_captions(tmp_path)


# Data sets as they are published


def test_roboflow_s_rows_are_captions_or_questions(tmp_path):
    photos(tmp_path, "train/a.jpg", "valid/a.jpg")
    row = {"image": "a.jpg", "prefix": "answer en how many dogs?", "suffix": "2"}
    write(tmp_path / "train/annotations.jsonl", row)
    write(tmp_path / "valid/annotations.jsonl", row | {"suffix": "3"})
    data = read_questions(tmp_path)
    assert [(r.image, r.question, r.answers, r.split) for r in data.records] == [
        (tmp_path / "train/a.jpg", "how many dogs?", ("2",), "train"),
        (tmp_path / "valid/a.jpg", "how many dogs?", ("3",), "val"),
    ]
    with pytest.raises(DataError):
        read_captions(tmp_path)
    write(tmp_path / "train/annotations.jsonl", {"image": "a.jpg", "prefix": "detect dog", "suffix": "<loc0123> dog"})
    with pytest.raises(DataError, match="columns boxes, image"):
        read_captions(tmp_path / "train")


def test_fiftyone_s_export_and_other_coco_files(tmp_path):
    photos(tmp_path, "data/a.jpg", "data/b.jpg")
    content = {"info": {}, "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]}
    boxes = [{"id": 1, "image_id": 1, "bbox": [0, 0, 1, 1], "category_id": 1}]
    write(tmp_path / "instances.json", content | {"annotations": boxes})
    with pytest.raises(DataError, match="no data set of captions"):
        read_captions(tmp_path)
    captions = [{"id": 1, "image_id": 1, "caption": "a dog"}, {"id": 2, "image_id": 2, "caption": "a cat"}]
    images = content["images"] + [{"id": n, "file_name": f"{n:099}.jpg"} for n in range(3, 1300)]
    write(tmp_path / "labels.json", content | {"images": images, "annotations": captions})
    assert captions_by_name(read_captions(tmp_path)) == {"a.jpg": ("train", ("a dog",)), "b.jpg": ("train", ("a cat",))}


def test_what_vizwiz_sets_aside(tmp_path):
    photos(tmp_path, "val/1.jpg")
    rows = [{"id": n, "image_id": 1, "caption": f"caption {n}", "is_rejected": n == 1, "is_precanned": n == 2}
            for n in range(3)]  # fmt: skip
    write(tmp_path / "annotations/val.json", {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": rows})
    data = read_captions(tmp_path)
    assert captions_by_name(data) == {"1.jpg": ("val", ("caption 0",))}
    assert data.problems.counts == {"captions are set aside by the data set itself": 2}


def test_vqa_rad_has_a_test_set(tmp_path):
    photos(tmp_path, "images/a.jpg")
    phrases = ["freeform", "para", "test_freeform", "test_para", "odd"]
    rows = [{"qid": n, "phrase_type": phrase, "image_name": "a.jpg", "question": f"is it {n}?", "answer": n}
            for n, phrase in enumerate(phrases)]  # fmt: skip
    write(tmp_path / "VQA_RAD Dataset Public.json", rows)
    assert [r.split for r in read_questions(tmp_path).records] == ["train", "train", "test", "test", "train"]


def test_gqa_s_balanced_questions_are_taken_rather_than_all(tmp_path):
    photos(tmp_path, "images/1.jpg", "images/n2.jpg")
    row = {"imageId": "1", "question": "is it red?", "answer": "yes"}
    all_of_them = write(
        tmp_path / "train_all_questions/train_all_questions_0.json", {"1": row, "2": row | {"answer": "no"}}
    )
    assert len(read_questions(tmp_path).records) == 2
    write(
        tmp_path / "val_balanced_questions.json",
        {"3": row | {"imageId": "n2", "types": {"structural": "verify"}}, "4": 5},
    )
    data = read_questions(tmp_path)
    assert [(r.question_id, r.image.name, r.split, r.kind) for r in data.records] == [("3", "n2.jpg", "val", "verify")]
    assert data.problems.counts == {"questions are not in the right form": 1}
    assert {r.split for r in read_questions(all_of_them).records} == {"train"}


@pytest.mark.parametrize("cut", [-1, -3, -20, 60])
def test_a_gqa_file_cut_short_is_one_sentence(tmp_path, cut):
    photos(tmp_path, "1.jpg")
    row = {"imageId": "1", "question": "is it red?", "answer": "yes"}
    write(tmp_path / "val_balanced_questions.json", json.dumps({"1": row, "2": row})[:cut])
    with pytest.raises(DataError, match=r"val_balanced_questions\.json is not valid JSON at character \d+"):
        read_questions(tmp_path)
