"""Readers of captions: every format gives the same records, and a stranger's faults are counted, never followed."""

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import DataError, SettingError
from training.readers import read_captions
from training.readers.records import CaptionRecord
from training.readers.splits import with_missing_splits


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)
    return path


def flickr8k(folder, captions, lists=None):
    """`captions`: lines of (name#n, text). `lists`: trainImages -> names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Flickr8k.token.txt").write_text("".join(f"{key}\t{text}\n" for key, text in captions))
    for name, images in (lists or {}).items():
        (folder / f"Flickr_8k.{name}.txt").write_text("".join(f"{image}\n" for image in images))
    return folder


def coco(folder, images, annotations, name="captions_train2014.json"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"info": {}, "images": images, "annotations": annotations}))
    return folder


def coco_of(folder, names, **how):
    """One caption for each photo."""
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    captions = [{"id": n, "image_id": n, "caption": f"caption of {n}"} for n in range(len(names))]
    return coco(folder, images, captions, **how)


def karpathy(folder, images, name="dataset_own.json"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"images": images, "dataset": "own"}))
    return folder


def sentences(*texts):
    return [{"raw": text, "tokens": text.split()} for text in texts]


def splits_of(data):
    return {record.image.name: record.split for record in data.records}


# Flickr8k


def test_flickr8k(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg", "unlisted.jpg"):
        photo(tmp_path / "images" / name)
    lines = [("a.jpg#0", " A  dog . "), ("a.jpg#1", "Two dogs ."), ("b.jpg#0", "A cat ."), ("c.jpg#0", "A cow ."),
             ("unlisted.jpg#0", "A hen ."), ("gone.jpg.1#0", "A photo that is not there .")]  # fmt: skip
    lists = {"trainImages": ["a.jpg"], "devImages": ["b.jpg"], "testImages": ["c.jpg"]}
    data = read_captions(flickr8k(tmp_path, lines, lists))
    assert data.format == "flickr8k" and data.made == ()
    assert splits_of(data) == {"a.jpg": "train", "b.jpg": "val", "c.jpg": "test"}
    image = tmp_path / "images" / "a.jpg"
    assert data.records[0] == CaptionRecord(image, "a.jpg", ("A dog .", "Two dogs ."), "train")
    assert data.problems.counts == {"images are in no known split": 1, "images are missing": 1}
    assert data.problems.examples["images are missing"] == ["gone.jpg.1"]


def test_flickr8k_as_its_two_archives_unpack(tmp_path):
    photo(tmp_path / "Flicker8k_Dataset" / "a.jpg")
    text = flickr8k(tmp_path / "Flickr8k_text", [("a.jpg#0", "A dog .")], {"trainImages": ["a.jpg"]})
    (text / "Flickr8k.lemma.token.txt").write_text("a.jpg#0\tA lemma .\n")
    for path in (tmp_path, text / "Flickr8k.token.txt"):
        assert [record.captions for record in read_captions(path).records] == [("A dog .",)]


def test_flickr8k_faults_are_counted_and_the_rest_is_read(tmp_path):
    photo(tmp_path / "a.jpg")
    photo(tmp_path / "b.jpg")
    lines = [("a.jpg#0", "A dog ."), ("a.jpg#0", "Again ."), ("a.jpg#1", "  "), ("b.jpg#0", ""), ("no number", "x")]
    lists = {"trainImages": ["a.jpg", "b.jpg", "never.jpg"], "testImages": ["a.jpg"]}
    data = read_captions(flickr8k(tmp_path, lines, lists))
    assert [(record.captions, record.split) for record in data.records] == [(("A dog .",), "test")]
    assert data.problems.counts == {
        "images are in two lists and are kept out of the earlier one": 1,
        "lines are not an image, # and a number, a tab and a caption": 1,
        "caption ids are given twice": 1,
        "captions are empty": 2,
        "images have no captions": 1,
        "listed images have no captions": 1,
    }


@pytest.mark.shared_data
def test_the_real_flickr8k(shared_data):
    data = read_captions(shared_data / "flickr8k")
    assert Counter(record.split for record in data.records) == {"train": 6000, "val": 1000, "test": 1000}
    assert all(len(record.captions) == 5 for record in data.records) and data.made == ()
    assert "2258277193_586949ec62.jpg.1" in data.problems.examples["images are missing"]


# COCO


def test_coco(tmp_path):
    photo(tmp_path / "train2014" / "x1.jpg")
    photo(tmp_path / "val2014" / "x2.jpg")
    coco(tmp_path, [{"id": 1, "file_name": "x1.jpg"}],
         [{"id": 7, "image_id": 1, "caption": "A dog.\n"}, {"id": 8, "image_id": 1, "caption": "Dogs"}],
         "annotations/captions_train2014.json")  # fmt: skip
    coco(tmp_path, [{"id": 2, "file_name": "x2.jpg"}], [{"id": 7, "image_id": 2, "caption": "A cat."}],
         "annotations/captions_val2014.json")  # fmt: skip
    (tmp_path / "annotations" / "instances_train2014.json").write_text('{"images": [], "annotations": []}')
    data = read_captions(tmp_path)
    assert data.format == "coco" and not data.problems.counts
    assert data.records == [
        CaptionRecord(tmp_path / "train2014" / "x1.jpg", "1", ("A dog.", "Dogs"), "train"),
        CaptionRecord(tmp_path / "val2014" / "x2.jpg", "2", ("A cat.",), "val"),
    ]
    alone = read_captions(tmp_path / "annotations" / "captions_val2014.json")
    assert [record.split for record in alone.records] == ["val"]


def test_coco_takes_the_photo_of_its_own_split(tmp_path):
    """Both folders have a 1.jpg, and only train has a 2.jpg: the val file's 2.jpg is missing, not train's."""
    for name in ("train/1.jpg", "train/2.jpg", "val/1.jpg"):
        photo(tmp_path / name)
    for split in ("train", "val"):
        coco_of(tmp_path, ["1.jpg", "2.jpg"], name=f"captions_{split}.json")
    data = read_captions(tmp_path)
    found = [record.image.relative_to(tmp_path).as_posix() for record in data.records]
    assert found == ["train/1.jpg", "train/2.jpg", "val/1.jpg"]
    assert data.problems.counts == {"images are missing": 1}


def test_coco_faults_are_counted_and_the_rest_is_read(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photo(tmp_path / name)
    images = [
        {"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}, {"id": 2, "file_name": "c.jpg"},
        {"id": 3, "file_name": "gone.jpg"}, {"id": 4, "file_name": 5}, {"file_name": "b.jpg"}, "b.jpg", None,
    ]  # fmt: skip
    annotations = [
        {"id": 1, "image_id": 1, "caption": "A dog"}, {"id": 1, "image_id": 1, "caption": "Twice"},
        {"id": 2, "image_id": 1, "caption": ""}, {"id": 3, "image_id": 1, "caption": ["A", "list"]},
        {"id": 4, "image_id": 9, "caption": "Of nothing"}, {"id": 5, "caption": "Of no image"}, 6,
        {"id": 7, "image_id": 1, "caption": "Half \ud83d a character"},
    ]  # fmt: skip
    data = read_captions(coco(tmp_path, images, annotations))
    assert [record.captions for record in data.records] == [("A dog", "A", "list", "Half ? a character")]
    assert data.problems.counts == {
        "captions are not in the right form": 2,
        "caption ids are given twice": 1,
        "captions are empty": 1,
        "image ids are given twice": 1,
        "images have no captions": 1,
        "images are missing": 1,
        "image names are not text": 1,
        "images are not in the right form": 3,
        "image ids of captions are not listed": 1,
    }
    assert any(line.startswith("1 images are missing, such as gone.jpg") for line in data.problems.sentences())


def test_a_photo_tested_on_is_not_trained_on(tmp_path):
    photo(tmp_path / "a.jpg")
    for split in ("test", "train"):
        coco_of(tmp_path, ["a.jpg"], name=f"captions_{split}.json")
    data = read_captions(tmp_path)
    assert splits_of(data) == {"a.jpg": "test"} and len(data.records[0].captions) == 1
    assert data.problems.counts == {
        "images are in two splits and are kept out of the earlier one": 1,
        "images have the same captions twice, which count once": 1,
    }


@pytest.mark.parametrize("text", ["", "{", '{"images": [', "no json", '{"images": {}, "annotations": []}', "[" * 10**5])
def test_a_damaged_file_is_one_sentence(tmp_path, text):
    (tmp_path / "captions_train.json").write_text(text)
    with pytest.raises(DataError) as caught:
        read_captions(tmp_path / "captions_train.json")
    assert "captions_train.json" in str(caught.value) and "\n" not in str(caught.value)


# Karpathy


def test_karpathy(tmp_path):
    for name in ("train2014/a.jpg", "val2014/a.jpg", "val2014/b.jpg", "val2014/c.jpg", "val2014/d.jpg"):
        photo(tmp_path / name)
    images = [
        {"filepath": "train2014", "filename": "a.jpg", "split": "train", "sentences": sentences("One", "Two")},
        {"filepath": "val2014", "filename": "a.jpg", "split": "restval", "sentences": sentences("Three")},
        {"filepath": "val2014", "filename": "b.jpg", "split": "val", "cocoid": 42,
         "sentences": [{"tokens": ["x", "y"]}]},
        {"filepath": "val2014", "filename": "c.jpg", "split": "test", "sentences": sentences("Five")},
        {"filepath": "val2014", "filename": "d.jpg", "split": "later", "sentences": sentences("Six")},
        {"filepath": "val2014", "filename": "c.jpg", "split": "test", "sentences": "Seven"},
    ]  # fmt: skip
    data = read_captions(karpathy(tmp_path, images))
    assert data.format == "karpathy"
    assert [(r.image.parent.name, r.image.name, r.captions, r.split) for r in data.records] == [
        ("train2014", "a.jpg", ("One", "Two"), "train"),
        ("val2014", "a.jpg", ("Three",), "train"),
        ("val2014", "b.jpg", ("x y",), "val"),
        ("val2014", "c.jpg", ("Five",), "test"),
    ]
    assert data.records[2].image_id == "42"
    assert data.problems.counts == {"images are in no known split": 1, "images have no captions": 1}


def test_karpathy_with_all_photos_in_one_folder(tmp_path):
    photo(tmp_path / "images" / "a.jpg")
    images = [{"filepath": "train2014", "filename": "a.jpg", "split": "train", "sentences": sentences("One")}]
    assert read_captions(karpathy(tmp_path, images)).records[0].captions == ("One",)


def test_a_filepath_is_a_name_and_no_pattern(tmp_path):
    for folder in ("photos [1]", "copy"):
        photo(tmp_path / folder / "a.jpg")
    images = [{"filepath": "photos [1]", "filename": "a.jpg", "split": "train", "sentences": sentences("One")}]
    assert read_captions(karpathy(tmp_path, images)).records[0].image.parent.name == "photos [1]"


def test_karpathy_ids_given_twice(tmp_path):
    photo(tmp_path / "a.jpg")
    twice = [{"raw": "One", "sentid": 1}, {"raw": "Other", "sentid": 1}]
    row = {"filename": "a.jpg", "imgid": 3, "split": "train", "sentences": twice}
    data = read_captions(karpathy(tmp_path, [row, row]))
    assert data.records[0].captions == ("One",)
    assert data.problems.counts == {"caption ids are given twice": 1, "image ids are given twice": 1}


# Names that lead out


@pytest.fixture
def outside(tmp_path):
    return photo(tmp_path / "outside" / "secret.jpg")


LEAVING = ["{}", "../outside/secret.jpg", "x/../../outside/secret.jpg", "C:\\secret.jpg", "..\\outside\\secret.jpg"]


@pytest.mark.parametrize("name", LEAVING)
def test_names_that_leave_the_folder(tmp_path, outside, name):
    photo(tmp_path / "data" / "a.jpg")
    data = read_captions(coco_of(tmp_path / "data", ["a.jpg", name.format(outside)]))
    assert [record.image.name for record in data.records] == ["a.jpg"]
    assert data.problems.counts == {"image names leave the folder": 1}


@pytest.mark.parametrize("folder", ["../outside", "{}", "..", "*"])
def test_a_filepath_that_leaves_the_folder(tmp_path, outside, folder):
    photo(tmp_path / "data" / "a.jpg")
    images = [
        {"filename": "a.jpg", "split": "train", "sentences": sentences("One")},
        {"filename": "secret.jpg", "filepath": folder.format(outside.parent), "split": "train",
         "sentences": sentences("Two")},
    ]  # fmt: skip
    data = read_captions(karpathy(tmp_path / "data", images))
    assert [record.image.name for record in data.records] == ["a.jpg"]
    assert data.problems.counts == {"images are missing": 1}


def test_links_that_the_owner_put_into_the_folder_are_followed(tmp_path, outside):
    folder = tmp_path / "data"
    photo(folder / "real" / "a.jpg")
    (folder / "file.jpg").symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent)
    (folder / "inner.jpg").symlink_to(folder / "real" / "a.jpg")
    data = read_captions(coco_of(folder, ["real/a.jpg", "file.jpg", "linked/secret.jpg", "inner.jpg"]))
    assert [record.image.name for record in data.records] == ["a.jpg", "file.jpg", "secret.jpg", "inner.jpg"]
    assert not data.problems.counts and data.records[1].image.parent == folder


def test_a_data_set_may_itself_be_named_by_a_link(tmp_path):
    photo(tmp_path / "real" / "a.jpg")
    coco_of(tmp_path / "real", ["a.jpg"])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(read_captions(tmp_path / "link").records) == 1


# Recognising


def test_nothing_recognised_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"one of \d formats. The simplest is a CSV file .* docs/data.md"):
        read_captions(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_captions(tmp_path / "nowhere")
    with pytest.raises(SettingError, match="choose one of flickr8k, karpathy, coco"):
        read_captions(tmp_path, "vqa")


def test_two_formats_are_not_guessed_between(tmp_path):
    photo(tmp_path / "a.jpg")
    coco_of(tmp_path, ["a.jpg"])
    row = {"filename": "a.jpg", "split": "train", "sentences": sentences("By Karpathy")}
    karpathy(tmp_path, [row])
    with pytest.raises(DataError, match="--format"):
        read_captions(tmp_path)
    assert read_captions(tmp_path, "karpathy").records[0].captions == ("By Karpathy",)


def test_a_file_of_any_name_is_recognised_by_its_content(tmp_path):
    photo(tmp_path / "a.jpg")
    coco_of(tmp_path, ["a.jpg"], name="mine.json")
    row = {"filename": "a.jpg", "split": "train", "sentences": sentences("One")}
    karpathy(tmp_path, [row], name="theirs.json")
    (tmp_path / "lines.txt").write_text("a.jpg#0\tA dog .\n")
    formats = {name: read_captions(tmp_path / name).format for name in ("mine.json", "theirs.json", "lines.txt")}
    assert formats == {"mine.json": "coco", "theirs.json": "karpathy", "lines.txt": "flickr8k"}


def test_no_photo_at_all_says_why(tmp_path):
    with pytest.raises(DataError, match=r"2 images are missing, such as a.jpg, b.jpg"):
        read_captions(coco_of(tmp_path, ["a.jpg", "b.jpg"]))


# Splits that were not there


def records(count, split="train"):
    return [CaptionRecord(Path("photos") / f"{n}.jpg", str(n), ("x",), split) for n in range(count)]


def held_out(found, split):
    return {record.image for record in found if record.split == split}


def test_missing_splits_are_made_by_photo():
    found, made = with_missing_splits(records(100) + records(100))
    assert set(made) == {"val", "test"}
    assert len(held_out(found, "val")) == len(held_out(found, "test")) == 5
    assert len(held_out(found, "train")) == 90
    assert len(held_out(found, "train") | held_out(found, "val") | held_out(found, "test")) == 100


def test_no_photo_is_in_two_made_splits():
    found, _ = with_missing_splits(records(100), share=0.4)
    assert [len(held_out(found, split)) for split in ("train", "val", "test")] == [20, 40, 40]


def test_made_splits_depend_on_the_names_alone():
    found, _ = with_missing_splits(records(100))
    backwards, _ = with_missing_splits(records(100)[::-1])
    for split in ("val", "test"):
        assert held_out(found, split) == held_out(backwards, split)
    assert held_out(with_missing_splits(records(100), seed=2)[0], "test") != held_out(found, "test")
    with_val, made = with_missing_splits(records(100) + records(1, "val"))
    assert made == ("test",) and held_out(with_val, "test") == held_out(found, "test")


@pytest.mark.parametrize(("count", "expected"), [(2, (2, 0, 0)), (3, (1, 1, 1)), (4, (2, 1, 1))])
def test_few_photos(count, expected):
    found, _ = with_missing_splits(records(count))
    assert tuple(len(held_out(found, split)) for split in ("train", "val", "test")) == expected


def test_splits_that_are_there_stay_as_they_are():
    given = records(10) + records(3, "val") + records(3, "test")
    assert with_missing_splits(given) == (given, ())
    assert with_missing_splits(records(9, "val")) == (records(9, "val"), ())


def test_reading_makes_them_and_says_so(tmp_path):
    names = [f"{n}.png" for n in range(20)]
    for name in names:
        photo(tmp_path / name)
    data = read_captions(coco_of(tmp_path, names))
    assert data.made == ("test", "val") and not data.problems.counts
    assert Counter(record.split for record in data.records) == {"train": 18, "val": 1, "test": 1}
