"""Object labels in COCO's shape."""

import json
from pathlib import Path

import pytest
from toys import square

from runtime.errors import DataError
from training.readers.coco_objects import labels_in, read_objects

CATEGORIES = [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 47, "name": "cup"}]


def labelled(folder: Path, *annotations: dict, images=None, name="instances_train2014.json", **content) -> Path:
    """Photos 1 to 3 with these labels."""
    for i in (1, 2, 3):
        square("red", "left", i).save(folder / f"{i}.jpg")
    images = images or [{"id": i, "file_name": f"{i}.jpg", "width": 200, "height": 100} for i in (1, 2, 3)]
    whole = {"images": images, "annotations": annotations, "categories": CATEGORIES} | content
    (folder / name).write_text(json.dumps(whole), encoding="utf-8")
    return folder


def box(image: object = 1, category: object = 18, bbox: object = (20, 10, 40, 60), **more) -> dict:
    return {"id": 7, "image_id": image, "category_id": category, "bbox": bbox} | more


def test_boxes_become_shares_of_the_photo(tmp_path):
    data = read_objects(labelled(tmp_path, box(), box(category=47, iscrowd=1), box(image="2")))
    first, second, third = data.records
    dog, cup = first.objects
    assert (dog.name, dog.kind, dog.crowd) == ("dog", "animal", False)
    assert (dog.x, dog.y, dog.width, dog.height) == pytest.approx((0.2, 0.4, 0.2, 0.6))
    assert dog.area == pytest.approx(0.12) and (cup.name, cup.kind, cup.crowd) == ("cup", "", True)
    assert first.names == {"dog", "cup"} and len(first.of("dog")) == len(second.of("dog")) == 1
    assert third.objects == () and third.image.name == "3.jpg"  # a photo of nothing that is labelled


def test_the_split_is_in_the_name_of_the_file_or_made(tmp_path):
    assert {r.split for r in read_objects(labelled(tmp_path, box())).records} == {"train", "val", "test"}
    images = [{"id": 1, "file_name": "1.jpg", "width": 9, "height": 9}]
    labelled(tmp_path, images=images, name="instances_val2017.json")
    (tmp_path / "instances_train2014.json").unlink()
    assert [r.split for r in read_objects(tmp_path).records] == ["val"]


def test_a_photo_that_is_labelled_twice_counts_once_and_is_not_trained_on_where_one_split_is_held_out(tmp_path):
    image = [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 100}]
    for name in ("instances_test.json", "instances_train.json"):
        labelled(tmp_path, box(), images=image, name=name)
    data = read_objects(tmp_path)
    assert [(r.split, len(r.objects)) for r in data.records] == [("test", 1)]
    assert data.problems.counts == {"images are labelled twice and count once": 1}


def test_of_two_photos_of_one_name_the_one_in_the_file_s_folder_is_meant(tmp_path):
    for split in ("train2014", "val2014"):
        (tmp_path / split).mkdir()
        square("red", "left", 1).save(tmp_path / split / "a.jpg")
    images = [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}]
    for split in ("train2014", "val2014"):
        labelled(tmp_path, images=images, name=f"instances_{split}.json")
    assert [r.image.parent.name for r in read_objects(tmp_path).records] == ["train2014", "val2014"]


@pytest.mark.parametrize(
    "row",
    [
        box(category=99), box(bbox=None), box(bbox=[1, 2, 3]), box(bbox=["a", 1, 1, 1]), box(category=None),
        box(bbox=[0, 0, "nan", 1]), box(bbox=[0, 0, -5, 1]), box(bbox=[10**400, 0, 1, 1]), box(bbox="abcd"),
    ],
)  # fmt: skip
def test_a_label_that_is_none_is_counted_and_left_out(tmp_path, row):
    data = read_objects(labelled(tmp_path, box(), row))
    assert [label.name for label in data.records[0].objects] == ["dog"]
    assert data.problems.counts == {"labels have no category or no box": 1}


@pytest.mark.parametrize("size", [{"width": 0, "height": 100}, {"width": None}, {}])
def test_a_photo_of_no_size_has_no_labels(tmp_path, size):
    data = read_objects(labelled(tmp_path, box(), images=[{"id": 1, "file_name": "1.jpg"} | size]))
    assert data.records[0].objects == () and data.problems.counts.total() == 1


def test_missing_photos_are_counted(tmp_path):
    images = [{"id": 1, "file_name": "1.jpg", "width": 9, "height": 9}, {"id": 5, "file_name": "5.jpg"}, {"id": 6}, 7]
    data = read_objects(labelled(tmp_path, box(), {"bbox": []}, images=images))
    assert [r.image.name for r in data.records] == ["1.jpg"] and len(data.records[0].objects) == 1
    counts = {"images are missing": 1, "image names are not text": 1, "images are not in the right form": 1}
    assert data.problems.counts == counts | {"labels are not in the right form": 1}
    with pytest.raises(DataError, match=r"no object labels that can be used .1 images are missing, such as 5.jpg"):
        read_objects(labelled(tmp_path, images=images[1:2]))


@pytest.mark.parametrize("content", [{"images": 3}, {"categories": None}, {"annotations": {}}])
def test_another_shape_is_one_sentence(tmp_path, content):
    with pytest.raises(DataError, match=f"has no list of {min(content)}; give a file of object labels"):
        read_objects(labelled(tmp_path, **content))


def test_files_are_found_by_their_names(tmp_path):
    assert not labels_in(tmp_path)
    with pytest.raises(DataError, match=r"has no object labels .*looked for COCO JSON files named instances\*.json"):
        read_objects(tmp_path)
    (tmp_path / "annotations").mkdir()
    labelled(tmp_path, box(), name="annotations/instances_train2014.json")
    assert labels_in(tmp_path) and labels_in(tmp_path / "annotations" / "instances_train2014.json")
    assert len(read_objects(tmp_path).records) == 3
