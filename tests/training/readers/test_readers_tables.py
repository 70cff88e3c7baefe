"""Captions in rows: Flickr30k's two files, imagefolder metadata, Kaggle's captions.txt and plain tables."""

import json
from collections import Counter

import pytest
from PIL import Image

from runtime.errors import DataError
from training.readers import FORMATS, read_captions
from training.readers.questions import read_questions


def photos(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)


def write(path, *lines):
    """Each line as it stands, or as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def found(data):
    return {record.image.name: (record.split, record.captions) for record in data.records}


# Flickr30k

PIPED = "image_name| comment_number| comment"
SPLIT = "raw,sentids,split,filename,img_id"


def test_flickr30k_as_kaggle_packs_it(tmp_path):
    inner = tmp_path / "flickr30k_images"
    photos(inner / "flickr30k_images", "1.jpg", "2.jpg")
    file = write(
        inner / "results.csv", PIPED, '1.jpg| 0| A man , called "Bob" | sits .', '1.jpg| 1| "Two', "2.jpg| 0| A dog ."
    )
    for path in (tmp_path, inner, file):
        data = read_captions(path)
        assert data.format == "flickr30k" and not data.problems.counts
        assert found(data) == {
            "1.jpg": ("train", ('A man , called "Bob" | sits .', '"Two')),
            "2.jpg": ("train", ("A dog .",)),
        }


def test_flickr30k_faults_are_counted_and_the_rest_is_read(tmp_path):
    photos(tmp_path, "1.jpg")
    write(tmp_path / "results.csv", PIPED, "1.jpg| 0| A dog .", "1.jpg| 0| Again .", "1.jpg| 4   No second line .", "",
          "1.jpg| 1| ", "gone.jpg| 0| A cat .", "gone.jpg| 1| A cat .", "../gone.jpg| 0| A dog .")  # fmt: skip
    data = read_captions(tmp_path)
    assert found(data) == {"1.jpg": ("train", ("A dog .",))}
    assert data.problems.counts == {
        "lines are not an image, a number and a caption with | between": 1,
        "caption ids are given twice": 1,
        "captions are empty": 1,
        "images are missing": 1,
        "image names leave the folder": 1,
    }


def test_flickr30k_with_splits_is_taken_rather_than_without(tmp_path):
    photos(tmp_path / "flickr30k-images", "1.jpg", "2.jpg", "3.jpg", "4.jpg")
    write(tmp_path / "flickr30k-images" / "results.csv", PIPED, "1.jpg| 0| Not this .")
    write(
        tmp_path / "flickr_annotations_30k.csv", SPLIT,
        '"[""A man , \\u00e0 pied ."", ""Two""]","[0, 1]",train,1.jpg,0', '"[""A dog .""]",[5],val,2.jpg,1',
        '"[""A cat .""]",[9],test,3.jpg,2', '"[""A cow .""]",[9],extra,4.jpg,3',
    )  # fmt: skip
    data = read_captions(tmp_path)
    assert found(data) == {
        "1.jpg": ("train", ("A man , à pied .", "Two")),
        "2.jpg": ("val", ("A dog .",)),
        "3.jpg": ("test", ("A cat .",)),
    }  # fmt: skip
    assert data.format == "flickr30k" and data.problems.counts == {"images are in no known split": 1}


# imagefolder


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("metadata.jsonl", [{"file_name": "a.jpg", "text": "A dog ."}, {"file_name": "in/b.jpg", "text": "A cat ."}]),
        ("metadata.jsonl", [{"file_name": "a.jpg", "captions": ["A dog ."]},
                            {"file_name": "in/b.jpg", "caption": "A cat ."}]),
        ("metadata.csv", ["file_name,text", "a.jpg,A dog .", "in/b.jpg,A cat ."]),
        ("metadata.csv", ['"file_name","id","captions"', 'a.jpg,7,"[\'A dog .\']"', 'in/b.jpg,8,"[""A cat .""]"']),
    ],
)  # fmt: skip
def test_imagefolder(tmp_path, name, lines):
    photos(tmp_path, "a.jpg", "in/b.jpg")
    file = write(tmp_path / name, *lines)
    for path in (tmp_path, file):
        data = read_captions(path)
        assert data.format == "imagefolder" and not data.problems.counts
        assert found(data) == {"a.jpg": ("train", ("A dog .",)), "b.jpg": ("train", ("A cat .",))}


def test_imagefolder_splits_are_folders_and_each_takes_its_own_photos(tmp_path):
    for folder in ("train", "validation", "test"):
        photos(tmp_path / folder, "1.jpg")
        write(tmp_path / folder / "metadata.jsonl", {"file_name": "1.jpg", "text": f"Of {folder}"})
    photos(tmp_path / "train", "2.jpg")
    write(tmp_path / "test" / "metadata.csv", "file_name,text", "1.jpg,The same again")
    with (tmp_path / "test" / "metadata.jsonl").open("a") as file:
        file.write('{"file_name": "2.jpg", "text": "There is none in test"}\n')
    data = read_captions(tmp_path)
    records = {record.image_id: (record.split, *record.captions) for record in data.records}
    assert records == {
        "train/1.jpg": ("train", "Of train"), "validation/1.jpg": ("val", "Of validation"),
        "test/1.jpg": ("test", "Of test"),
    }  # fmt: skip
    assert all(record.image == tmp_path / record.image_id for record in data.records)
    assert data.problems.counts == {"images are missing": 1} and data.made == ()


def test_imagefolder_with_one_file_for_all_splits(tmp_path):
    photos(tmp_path, "train/1.jpg", "val/2.jpg", "test/3.jpg", "train/4.jpg", "my.test/5.jpg")
    rows = [{"file_name": name, "text": "A dog ."} for name in ("train/1.jpg", "val/2.jpg", "test/3.jpg")]
    write(tmp_path / "metadata.jsonl", *rows, {"file_name": "train/4.jpg", "text": "A cow .", "split": "val"})
    splits = {name: split for name, (split, _) in found(read_captions(tmp_path)).items()}
    assert splits == {"1.jpg": "train", "2.jpg": "val", "3.jpg": "test", "4.jpg": "val"}


def test_a_data_set_in_a_folder_named_test_is_not_all_for_testing(tmp_path):
    photos(tmp_path / "test", "a.jpg")
    write(tmp_path / "test" / "metadata.csv", "file_name,text", "a.jpg,A dog .")
    assert found(read_captions(tmp_path / "test"))["a.jpg"][0] == "train"


def test_imagefolder_names_do_not_lead_out(tmp_path):
    photos(tmp_path, "secret.jpg", "data/train/a.jpg")
    names = ["a.jpg", "../../secret.jpg", str(tmp_path / "secret.jpg"), "..\\..\\secret.jpg"]
    rows = [{"file_name": name, "text": "A dog ."} for name in names]
    write(tmp_path / "data" / "train" / "metadata.jsonl", *rows)
    data = read_captions(tmp_path / "data")
    assert list(found(data)) == ["a.jpg"]
    assert data.problems.counts == {"image names leave the folder": 3}


# Tables


def test_kaggle_captions_txt(tmp_path):
    photos(tmp_path / "Images", "a.jpg", "b.jpg")
    file = write(tmp_path / "captions.txt", "image,caption", "a.jpg,A dog .",
                 'a.jpg,"A dog , it is said , ""runs"" ."', "b.jpg,A cat .")  # fmt: skip
    for path in (tmp_path, file):
        data = read_captions(path)
        assert data.format == "table" and not data.problems.counts
        assert data.records[0].image_id == "a.jpg"
        assert found(data) == {
            "a.jpg": ("train", ("A dog .", 'A dog , it is said , "runs" .')), "b.jpg": ("train", ("A cat .",)),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("own.csv", ["image,caption,split", "a.jpg,A dog .,train", "b.jpg,A cat .,validation"]),
        ("own.csv", ["\ufeffImage;Caption;Split\r", "a.jpg;A dog .;\r", "b.jpg;A cat .;dev\r"]),
        ("own.tsv", ["split\timage\tcaption", "train\ta.jpg\tA dog .", "val\tb.jpg\tA cat ."]),
        ("own.jsonl", [{"image": "a.jpg", "caption": "A dog ."},
                       {"image": "b.jpg", "caption": "A cat .", "split": "val"}]),
        ("own.json", ['[{"image": "a.jpg", "caption": "A dog ."},',
                      '{"image": "b.jpg", "caption": ["A cat ."], "split": "val"}]']),
        ("captions.txt", ["image_name,comment_number,comment,split", "a.jpg,0,A dog .,train", "b.jpg,0,A cat .,val"]),
    ],
)  # fmt: skip
def test_tables(tmp_path, name, lines):
    photos(tmp_path / "photos", "a.jpg", "b.jpg")
    write(tmp_path / name, *lines)
    data = read_captions(tmp_path)
    assert data.format == "table" and not data.problems.counts
    assert found(data) == {"a.jpg": ("train", ("A dog .",)), "b.jpg": ("val", ("A cat .",))}


def test_a_table_a_split(tmp_path):
    for name, split in (("1.jpg", "train"), ("2.jpg", "val"), ("3.jpg", "test")):
        photos(tmp_path, name)
        write(tmp_path / f"{split}.csv", "image,caption", f"{name},A dog .")
    splits = {name: split for name, (split, _) in found(read_captions(tmp_path)).items()}
    assert splits == {"1.jpg": "train", "2.jpg": "val", "3.jpg": "test"}


def test_table_faults_are_counted_and_the_rest_is_read(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg")
    write(
        tmp_path / "own.jsonl", {"image": "a.jpg", "caption": "A dog ."}, {"image": "a.jpg", "caption": ""}, "{", "[]",
        {"image": "a.jpg", "caption": None}, {"image": "a.jpg"}, {"image": 5, "caption": "A cat ."},
        {"caption": "A cat ."}, {"image": "b.jpg", "caption": "A cat .", "split": "later"},
        {"image": "gone.jpg", "caption": "A cat ."}, {"image": "gone.jpg", "caption": "A cow ."},
        {"image": "a.jpg", "caption": ["[a bracket", 7]}, {"image": "\ud83d.jpg", "caption": "Half a character"},
        {"image": "b.jpg", "caption": []}, {"image": "../gone.jpg", "caption": "A dog ."},
    )  # fmt: skip
    data = read_captions(tmp_path)
    assert found(data) == {"a.jpg": ("train", ("A dog .", "[a bracket"))}
    assert data.problems.counts == {
        "lines are not a JSON object": 2,
        "captions are empty": 1,
        "captions are not text": 3,
        "image names are not text": 2,
        "images are in no known split": 1,
        "images are missing": 2,
        "images have no captions": 1,
        "image names leave the folder": 1,
    }


def test_blip_s_json_as_it_comes(tmp_path):
    photos(tmp_path, "val2014/1.jpg", "train2014/2.jpg")
    write(tmp_path / "coco_karpathy_val.json", '[ {"image": "val2014/1.jpg", "caption": ["A dog .", "It runs ."]}, 7]')
    write(tmp_path / "coco_karpathy_train.json",
          '[{"caption": "A cat .", "image": "train2014/2.jpg", "image_id": "coco_2"}]')  # fmt: skip
    write(tmp_path / "results.json", '[{"image_id": 1, "caption": "what a model said"}]')
    data = read_captions(tmp_path)
    assert data.format == "table" and data.problems.counts == {"rows are not a JSON object": 1}
    assert found(data) == {"1.jpg": ("val", ("A dog .", "It runs .")), "2.jpg": ("train", ("A cat .",))}


def test_a_name_of_two_photos_is_told_apart_from_a_missing_one(tmp_path):
    photos(tmp_path, "train/a.jpg", "val/a.jpg", "b.jpg")
    write(tmp_path / "own.csv", "image,caption", "a.jpg,A dog .", "gone.jpg,A cow .", "b.jpg,A cat .")
    problems = read_captions(tmp_path).problems
    assert problems.counts == {"image names fit more than one photo": 1, "images are missing": 1}
    assert problems.examples["image names fit more than one photo"] == ["a.jpg"]


def test_a_row_with_too_many_columns_is_counted(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "captions.txt", "image,caption", "a.jpg,A dog , which runs .", "a.jpg,A dog .")
    data = read_captions(tmp_path)
    assert found(data) == {"a.jpg": ("train", ("A dog .",))}
    assert data.problems.counts == {"lines have more columns than the header": 1}


def test_brackets_that_are_no_list_are_a_caption(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "own.csv", "image,caption", "a.jpg,[a dog] runs .", "a.jpg,[a dog]", "a.jpg," + "[" * 9999)
    assert found(read_captions(tmp_path))["a.jpg"][1] == ("[a dog] runs .", "[a dog]", "[" * 9999)


def test_a_photo_tested_on_is_not_trained_on(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "own.csv", "image,caption,split", "a.jpg,A dog .,test", "a.jpg,It runs .,train")
    data = read_captions(tmp_path)
    assert found(data) == {"a.jpg": ("test", ("A dog .", "It runs ."))}
    assert data.problems.counts == {"images are in two splits and are kept out of the earlier one": 1}


def test_missing_splits_are_made(tmp_path):
    names = [f"{number}.png" for number in range(20)]
    photos(tmp_path, *names)
    write(tmp_path / "own.csv", "image,caption", *[f"{name},A dog ." for name in names for _ in range(2)])
    data = read_captions(tmp_path)
    assert data.made == ("test", "val")
    assert Counter(record.split for record in data.records) == {"train": 18, "val": 1, "test": 1}


# Recognising


@pytest.mark.parametrize("name", ["own.csv", "metadata.csv"])
@pytest.mark.parametrize("header", ["image,question,answer", "image,question,caption", "image,caption,answer"])
def test_questions_and_other_tables_are_no_captions(tmp_path, name, header):
    photos(tmp_path, "a.jpg")
    write(tmp_path / name, header, "a.jpg,what is it ?,a dog")
    with pytest.raises(DataError, match=r"of \d formats.* columns image and caption"):
        read_captions(tmp_path)


def test_captions_and_questions_in_one_folder(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "captions.csv", "image,caption", "a.jpg,A dog .")
    write(tmp_path / "questions.csv", "image,question,answer", "a.jpg,what is it ?,dog")
    assert found(read_captions(tmp_path)) == {"a.jpg": ("train", ("A dog .",))}
    assert [record.question for record in read_questions(tmp_path).records] == ["what is it ?"]


EXAMPLES = {
    "flickr30k": [("results.csv", [PIPED, "a.jpg| 0| A dog ."]),
                  ("flickr_annotations_30k.csv", [SPLIT, '"[""A dog .""]",[0],train,a.jpg,0'])],
    "imagefolder": [("metadata.csv", ["file_name,text", "a.jpg,A dog ."]),
                    ("metadata.jsonl", [{"file_name": "a.jpg", "image": "a.jpg", "caption": "A dog ."}])],
    "table": [("captions.txt", ["image,caption", "a.jpg,A dog ."]), ("own.csv", ["file_name,text", "a.jpg,A dog ."]),
              ("own.jsonl", [{"image": "a.jpg", "caption": "A dog ."}])],
    "flickr8k": [("own.token.txt", ["a.jpg#0\tA dog ."])],
}  # fmt: skip


@pytest.mark.parametrize(("format", "name", "lines"), [(f, *file) for f, files in EXAMPLES.items() for file in files])
def test_a_file_is_of_one_format_only(tmp_path, format, name, lines):
    photos(tmp_path, "a.jpg")
    file = write(tmp_path / name, *lines)
    for path in (tmp_path, file):
        assert [known for known, reader in FORMATS.items() if reader.recognise(path)] == [format]
        assert found(read_captions(path)) == {"a.jpg": ("train", ("A dog .",))}


def test_two_formats_are_not_guessed_between(tmp_path):
    photos(tmp_path, "a.jpg")
    write(tmp_path / "metadata.csv", "file_name,text", "a.jpg,Of metadata")
    write(tmp_path / "captions.txt", "image,caption", "a.jpg,Of a table")
    with pytest.raises(DataError, match=r"imagefolder \(metadata.csv\) and table \(captions.txt\).*--format"):
        read_captions(tmp_path)
    assert found(read_captions(tmp_path, "table"))["a.jpg"][1] == ("Of a table",)


@pytest.mark.parametrize(
    "text", [b"image,caption\na.jpg,Un chien \xe0 pied .\n", b"image,caption\n", b'"image,caption\n']
)
def test_a_table_that_cannot_be_read_is_one_sentence(tmp_path, text):
    (tmp_path / "own.csv").write_bytes(text)
    with pytest.raises(DataError) as caught:
        read_captions(tmp_path)
    assert "\n" not in str(caught.value) and ("UTF-8" in str(caught.value)) == (b"\xe0" in text)
