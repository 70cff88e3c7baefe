"""Every format of questions: read as its authors mean it, and a stranger's faults counted, never a crash."""

import json
from pathlib import Path

import pytest

from runtime.errors import DataError, SettingError
from training.readers import daquar, questions, vqa_official
from training.readers.image_folder import ImageFolder
from training.readers.question_list import QuestionList
from training.readers.questions import read_questions
from training.readers.records import Problems


def touch(*paths: Path) -> None:
    """Photos with nothing in them: readers only look for the names."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path: Path, content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# ---- photos in a folder


def test_photos_are_found_by_path_by_name_and_by_ending(tmp_path):
    touch(tmp_path / "images" / "a.jpg", tmp_path / "b.PNG", tmp_path / "notes.txt")
    folder = ImageFolder(tmp_path)
    assert len(folder) == 2
    for name in ("images/a.jpg", "a.jpg", "./images/a.jpg", "data/images/a.jpg", r"images\a.jpg"):
        assert folder.find(name) == tmp_path / "images" / "a.jpg"
    assert folder.find("b.PNG") == tmp_path / "b.PNG"
    assert folder.find("notes.txt") is None


def test_a_name_in_another_folder_is_another_photo(tmp_path):
    touch(tmp_path / "train" / "0.png", tmp_path / "test" / "0.png")
    folder = ImageFolder(tmp_path)
    assert folder.find("test/0.png") == tmp_path / "test" / "0.png"
    assert folder.find("val/0.png") is None
    assert folder.find("0.png") is None  # which of the two?


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "/secret.jpg", "a/../../secret.jpg", r"..\secret.jpg", "C:/secret.jpg"]
)
def test_names_that_leave_the_folder_are_refused_and_told(tmp_path, name):
    touch(tmp_path / "secret.jpg", tmp_path / "data" / "a.jpg")
    folder, problems = ImageFolder(tmp_path / "data"), Problems()
    assert folder.find(name) is None and folder.find_or_report(name, problems) is None
    assert problems.counts == {"image names leave the folder": 1}


def test_links_that_the_owner_put_into_the_folder_are_followed(tmp_path):
    touch(tmp_path / "elsewhere" / "a.jpg", tmp_path / "b.jpg")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photos").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "data" / "b.jpg").symlink_to(tmp_path / "b.jpg")
    rows = [{"image": name, "question": "what?", "answer": "dog"} for name in ("a.jpg", "b.jpg")]
    write(tmp_path / "data" / "own.json", rows)
    data = read_questions(tmp_path / "data")
    assert [record.image.name for record in data.records] == ["a.jpg", "b.jpg"] and not data.problems.counts


def test_a_link_that_goes_round_in_a_circle_ends(tmp_path):
    touch(tmp_path / "a.jpg")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(ImageFolder(tmp_path)) == 1


# ---- VQA


def vqa_questions(*rows, subtype="train2014"):
    return {"data_subtype": subtype, "questions": list(rows)}


def asked(number, image_id=1, text="what is it?"):
    return {"question_id": number, "image_id": image_id, "question": text}


def answered(number, *answers, image_id=1, kind="other"):
    people = [{"answer": answer, "answer_id": i} for i, answer in enumerate(answers)]
    return {"question_id": number, "image_id": image_id, "answers": people, "answer_type": kind}


def vqa_folder(folder: Path, rows, annotations, version="v2_") -> Path:
    touch(folder / "train2014" / "COCO_train2014_000000000001.jpg")
    write(folder / f"{version}OpenEnded_mscoco_train2014_questions.json", vqa_questions(*rows))
    write(folder / f"{version}mscoco_train2014_annotations.json", {"annotations": annotations})
    return folder


def test_vqa_with_annotations(tmp_path):
    data = read_questions(vqa_folder(tmp_path, [asked(10)], [answered(10, "cat", "cat", "dog", kind="animal")]))
    (record,) = data.records
    assert (data.format, data.problems.counts) == ("vqa", {})
    assert record.image == tmp_path / "train2014" / "COCO_train2014_000000000001.jpg"
    assert (record.question_id, record.question, record.answers) == ("10", "what is it?", ("cat", "cat", "dog"))
    assert (record.split, record.kind) == ("train", "animal")


def test_vqa_test_files_have_no_answers_and_test_dev_uses_the_test_photos(tmp_path):
    touch(tmp_path / "test2015" / "COCO_test2015_000000000007.jpg")
    path = write(tmp_path / "v2_OpenEnded_mscoco_test-dev2015_questions.json",
                 vqa_questions(asked(1, image_id=7), subtype="test-dev2015"))  # fmt: skip
    for where in (tmp_path, path):
        (record,) = read_questions(where).records
        assert (record.answers, record.split) == ((), "test")


def test_vqa_in_the_folders_of_its_authors_read_from_any_of_its_files(tmp_path):
    vqa_folder(tmp_path, [asked(10)], [answered(10, "cat")])
    for kind in ("questions", "annotations"):
        (file,) = tmp_path.glob(f"*{kind}.json")
        (tmp_path / kind.title()).mkdir()
        file.rename(tmp_path / kind.title() / file.name)
        files = [tmp_path, *tmp_path.glob("*/*.json")]
    for where in files:
        assert [r.answers for r in read_questions(where).records] == [("cat",)]


def test_vqa_versions_and_splits_are_paired_by_name(tmp_path):
    vqa_folder(tmp_path, [asked(1)], [answered(1, "one")], version="")
    vqa_folder(tmp_path, [asked(2)], [answered(2, "two")])
    touch(tmp_path / "val2014" / "COCO_val2014_000000000003.jpg")
    write(tmp_path / "v2_OpenEnded_mscoco_val2014_questions.json", vqa_questions(asked(3, 3), subtype="val2014"))
    write(tmp_path / "v2_mscoco_val2014_annotations.json", {"annotations": [answered(3, "three", image_id=3)]})
    write(tmp_path / "MultipleChoice_mscoco_train2014_questions.json", vqa_questions(asked(1)))  # the same again
    data = read_questions(tmp_path)
    assert {(r.question_id, r.answers, r.split) for r in data.records} == {
        ("1", ("one",), "train"), ("2", ("two",), "train"), ("3", ("three",), "val"),
    }  # fmt: skip
    assert not data.problems.counts


def test_vqa_of_ones_own_with_other_photo_names(tmp_path):
    touch(
        tmp_path / "000000000009.jpg",
        tmp_path / "pics" / "my cat.jpg",
        tmp_path / "abstract_v002_train2015_000000000004.png",
    )
    rows = [asked("a", 9), asked("b", "my cat.jpg"), asked("c", "000000000009")]
    write(tmp_path / "questions.json", {"questions": rows})
    write(tmp_path / "annotations.json", {"annotations": [
        {"question_id": "a", "image_id": 9, "multiple_choice_answer": "cat"},
        {"question_id": "b", "image_id": "my cat.jpg", "answers": ["cat", 2]},
        {"question_id": "c", "answers": ["cat"]},
    ]})  # fmt: skip
    write(tmp_path / "abstract_questions.json", vqa_questions(asked(1, 4), subtype="train2015"))
    data = read_questions(tmp_path)
    assert {r.question_id: (r.image.name, r.answers) for r in data.records} == {
        "a": ("000000000009.jpg", ("cat",)),
        "b": ("my cat.jpg", ("cat", "2")),
        "c": ("000000000009.jpg", ("cat",)),
        "1": ("abstract_v002_train2015_000000000004.png", ()),
    }


FAULTS = [
    ([asked(1), asked(2)], [answered(1, "a")], "questions have no annotation"),
    ([asked(1)], [answered(1, "a"), answered(2, "b")], "annotations have no question"),
    ([asked(1), asked(1)], [answered(1, "a")], "question ids are given twice"),
    ([asked(1)], [answered(1, "a"), answered(1, "b")], "annotations are given twice"),
    ([asked(1), asked(2)], [answered(1, "a"), answered(2, "b", image_id=5)],
     "annotations name another image than their question"),
    ([asked(1), asked(2, image_id=5)], [answered(1, "a"), answered(2, "b", image_id=5)], "images are missing"),
    ([asked(1), asked(2, "../x.jpg")], [answered(1, "a"), answered(2, "b", image_id="../x.jpg")],
     "image names leave the folder"),
    ([asked(1), asked(2, ["x"])], [answered(1, "a"), answered(2, "b", image_id=["x"])], "image names are not text"),
    ([asked(1), asked(2, text=" \n")], [answered(1, "a"), answered(2, "b")], "questions are empty"),
    ([asked(1), asked(2, text=None)], [answered(1, "a"), answered(2, "b")], "questions are not in the right form"),
    ([asked(1), "what?"], [answered(1, "a")], "questions are not in the right form"),
    ([asked(1)], [answered(1, "a"), [2]], "annotations are not in the right form"),
    ([asked(1), asked(2)], [answered(1, "a"), answered(2, " ", "")], "answers are empty"),
    ([asked(1), asked(2)], [answered(1, "a"), answered(2)], "answers are empty"),
    ([asked(1), asked(2)], [answered(1, "a"), answered(2, None, "b")], "answers are not text"),
    ([asked(1), asked(2)], [answered(1, "a"), {"question_id": 2, "image_id": 1}], "answers are not text"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "annotations", "fault"), FAULTS, ids=[f"{i} {f[2]}" for i, f in enumerate(FAULTS)])
def test_one_bad_row_is_counted_and_the_good_one_read(tmp_path, rows, annotations, fault):
    touch(tmp_path.parent / "x.jpg")
    data = read_questions(vqa_folder(tmp_path, rows, annotations))
    assert [(r.question_id, r.answers) for r in data.records] == [("1", ("a",))]
    assert data.problems.counts == {fault: 1}
    assert data.problems.sentences()[0].startswith(f"1 {fault}, such as ")


def test_half_a_character_in_json_is_replaced(tmp_path):
    annotations = [answered(1, "a\udfff"), answered(2, "b", image_id="\ud800.jpg")]
    folder = vqa_folder(tmp_path, [asked(1, text="what \ud800?"), asked(2, "\ud800.jpg")], annotations)
    data = read_questions(folder)
    assert [(r.question, r.answers) for r in data.records] == [("what ??", ("a?",))]
    assert data.problems.counts == {"images are missing": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [("{", "not valid JSON"), ("[" * 100_000, "nested too deeply"), ('{"questions": 3}', "no list of questions")],
)
def test_a_damaged_file_is_one_sentence(tmp_path, content, why):
    write(tmp_path / "v2_OpenEnded_mscoco_train2014_questions.json", content)
    with pytest.raises(DataError, match=why) as error:
        read_questions(tmp_path, "vqa") if content[0] == "{" else vqa_official.read_json(next(tmp_path.iterdir()))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8_is_one_sentence(tmp_path):
    path = tmp_path / "qa.csv"
    path.write_bytes("image,question,answer\na.jpg,où?,là\n".encode("latin-1"))
    with pytest.raises(DataError, match="neither UTF-8 nor UTF-16"):
        list(questions.tables.read_rows(path, Problems()))


# ---- COCO-QA


def test_cocoqa_lines_and_its_numbers_as_digits(tmp_path):
    touch(tmp_path / "train2014" / "COCO_train2014_000000000001.jpg")
    image = "train2014/COCO_train2014_000000000001.jpg"
    rows = [
        {"image": image, "question": "how many dogs", "answer": "two", "type": "number"},
        {"image": image, "question": "what sits there", "answer": "one", "type": "object"},
    ]
    path = write(tmp_path / "cocoqa_train2014.jsonl", "".join(json.dumps(row) + "\n" for row in rows) + "{\n[1]\n\n")
    for where in (tmp_path, path):
        data = read_questions(where)
        assert data.format == "cocoqa"
        assert [(r.answers, r.kind, r.split) for r in data.records] == [
            (("2",), "number", "train"), (("one",), "object", "train"),
        ]  # fmt: skip
        assert data.problems.counts == {"lines are not a JSON object": 2}


def test_cocoqa_in_its_original_files(tmp_path):
    touch(tmp_path / "val2014" / "COCO_val2014_000000000012.jpg", tmp_path / "COCO_train2014_000000000003.jpg")
    columns = {
        "questions": "what is it\nhow many\n",
        "answers": "cat\nthree\n",
        "types": "0\n1\n",
        "img_ids": "12\n12\n",
    }
    for name, text in columns.items():
        write(tmp_path / "test" / f"{name}.txt", text)
        write(tmp_path / "train" / f"{name}.txt", text.replace("12", "3") + ("more\n" if name == "answers" else ""))
    data = read_questions(tmp_path, "cocoqa")
    assert [(r.answers, r.kind) for r in data.split("test")] == [(("cat",), "object"), (("3",), "number")]
    assert {r.image.name for r in data.split("test")} == {"COCO_val2014_000000000012.jpg"}
    assert len(data.split("train")) == 2
    assert list(data.problems.counts.values()) == [1]


def test_data_sets_of_the_same_photos_are_read_together(tmp_path):
    vqa_folder(tmp_path, [asked(1)], [answered(1, "a")])
    row = {"image": "COCO_train2014_000000000001.jpg", "question": "what", "answer": "cat"}
    write(tmp_path / "cocoqa_train2014.jsonl", json.dumps(row))
    data = read_questions(tmp_path)
    assert (data.format, len(data.records)) == ("vqa+cocoqa", 2)
    assert len(read_questions(tmp_path, "cocoqa").records) == 1


# ---- DAQUAR


def daquar_folder(folder: Path) -> Path:
    touch(*(folder / "images" / f"image{i}.jpg" for i in (1, 2, 3)))
    write(folder / "all_qa_pairs.txt", """what is on the table in the image1 ?
garbage_bin
what is right of the image2 close to the wall in the image2 ?
pillow, blanket
how many chairs are there in the image3?
4
""")  # fmt: skip
    write(folder / "train_images_list.txt", "image1\nimage3\n")
    write(folder / "test_images_list.txt", "image2\n")
    return folder


def test_daquar_by_its_lists_without_the_name_of_the_photo(tmp_path):
    data = read_questions(daquar_folder(tmp_path))
    assert [(r.image.stem, r.question, r.answers, r.split) for r in data.records] == [
        ("image1", "what is on the table ?", ("garbage bin",), "train"),
        ("image2", "what is right of the image close to the wall ?", ("pillow, blanket",), "test"),
        ("image3", "how many chairs are there ?", ("4",), "train"),
    ]
    assert data.format == "daquar" and not data.problems.counts


def test_daquar_faults(tmp_path):
    folder = daquar_folder(tmp_path)
    write(folder / "test_images_list.txt", "image2\nimage1\n")
    write(folder / "train_images_list.txt", "image1\n")
    with (folder / "all_qa_pairs.txt").open("a") as file:
        file.write("what is missing ?\nnothing\nwhat is in the image9 ?\n")
    problems = Problems()
    rows = QuestionList(ImageFolder(folder), problems)
    daquar.read(folder, rows)
    assert [r.split for r in rows.records] == ["test", "test"]
    assert problems.counts == {
        "images are in both lists and taken for test": 1,
        "last questions have no answer line": 1,
        "questions are about an image of no list": 1,
        "questions name no image": 1,
    }


def test_daquar_in_its_original_files_without_lists(tmp_path):
    touch(tmp_path / "image1.png", tmp_path / "image2.png")
    write(tmp_path / "qa.894.raw.train.txt", "what is in the image1 ?\nlamp\n")
    write(tmp_path / "qa.894.raw.test.txt", "what is in the image2 ?\nsofa\n")
    assert {(r.answers, r.split) for r in read_questions(tmp_path).records} == {
        (("lamp",), "train"),
        (("sofa",), "test"),
    }


# ---- easy-VQA


def test_easy_vqa(tmp_path):
    for split in ("train", "test"):
        touch(tmp_path / split / "images" / "0.png")
        write(tmp_path / split / "questions.json", [["is it red?", "yes", 0], ["what shape is it?", "circle", 0]])
    data = read_questions(tmp_path)
    assert data.format == "easy-vqa"
    assert [(r.split, r.answers, r.kind, r.image.parts[-3]) for r in data.records] == [
        ("train", ("yes",), "yes/no", "train"), ("train", ("circle",), "shape", "train"),
        ("test", ("yes",), "yes/no", "test"), ("test", ("circle",), "shape", "test"),
    ]  # fmt: skip
    assert len({r.question_id for r in data.records}) == 4
    for part in ("test", "test/questions.json"):
        assert {r.split for r in read_questions(tmp_path / part).records} == {"test"}


def test_easy_vqa_faults(tmp_path):
    touch(tmp_path / "train" / "images" / "0.png")
    rows = [
        ["is it red?", "yes", 0],
        ["is it red?", "yes"],
        {"a": 1},
        ["is it?", "no", 5],
        ["is it?", "no", "0"],
        ["?", 3, 0],
    ]
    write(tmp_path / "train" / "questions.json", rows)
    data = read_questions(tmp_path)
    assert [r.answers for r in data.records] == [("yes",), ("3",)]
    assert data.problems.counts == {"rows are not [question, answer, image]": 3, "images are missing": 1}


# ---- plain tables


def test_a_spreadsheet_table(tmp_path):
    touch(tmp_path / "photos" / "a.jpg", tmp_path / "photos" / "b.jpg")
    text = '\ufeffImage;Question;Answer;Split\r\na.jpg;"what; is it?";"a cat";train\r\nb.jpg;"two\nlines?";2;dev\r\n'
    data = read_questions(write(tmp_path / "qa.csv", text))
    assert [(r.image.name, r.question, r.answers, r.split) for r in data.records if r.split != "test"] == [
        ("a.jpg", "what; is it?", ("a cat",), "train"), ("b.jpg", "two\nlines?", ("2",), "val"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "mark"), [("qa.csv", ","), ("qa.tsv", "\t")])
def test_other_tables_and_their_faults(tmp_path, name, mark):
    touch(tmp_path / "a.jpg")
    lines = [
        "image,question,answer",
        "a.jpg,what?,cat",
        "a.jpg,what?",
        "a.jpg,what?,cat,dog",
        "a.jpg,,cat",
        "b.jpg,what?,cat",
    ]
    data = read_questions(write(tmp_path / name, "\n".join(lines).replace(",", mark)))
    assert [r.answers for r in data.records] == [("cat",)]
    assert data.problems.counts == {
        "lines have more columns than the header": 1, "lines have fewer columns than the header": 1,
        "questions are empty": 1, "images are missing": 1,
    }  # fmt: skip


def test_json_lines_with_several_answers_and_splits_by_file_name(tmp_path):
    touch(tmp_path / "a.jpg")
    rows = [
        {"image": "a.jpg", "question": "what?", "answers": ["cat", "dog"], "type": "animal", "question_id": 7},
        {"image": "a.jpg", "question": "how many?", "answer": 2},
        {"image": "a.jpg", "question": "where?"},
        {"image": "a.jpg", "question": "why?", "answer": True},
        {"image": "a.jpg", "question": "who?", "answer": {"text": "me"}},
        {"image": 5, "question": "who?", "answer": "me"},
    ]
    write(tmp_path / "val.jsonl", "\n".join(map(json.dumps, rows)))
    data = read_questions(tmp_path)
    assert [(r.question_id, r.answers, r.kind, r.split) for r in data.records] == [
        ("7", ("cat", "dog"), "animal", "val"), ("val-2", ("2",), "", "val"), ("val-3", (), "", "val"),
    ]  # fmt: skip
    assert data.problems.counts == {"answers are not text": 2, "image names are not text": 1}


def test_a_table_without_the_columns_says_which_it_has(tmp_path):
    path = write(tmp_path / "t.csv", "file,caption\na.jpg,a cat\n")
    with pytest.raises(DataError, match="columns caption, file; say with --image-column and --question-column"):
        read_questions(path, "table")
    with pytest.raises(DataError, match="no readable rows"):
        read_questions(write(tmp_path / "empty.csv", ""), "table")


# ---- any data set


def test_what_is_no_data_set_of_questions_is_one_sentence(tmp_path):
    touch(tmp_path / "a.jpg")
    with pytest.raises(DataError, match="no data set of questions that is known"):
        read_questions(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_questions(tmp_path / "nowhere", "vqa")
    with pytest.raises(SettingError, match="format 'voc' is not known; choose one of vqa, cocoqa"):
        read_questions(tmp_path, "voc")


def test_a_data_set_without_any_of_its_photos_says_so(tmp_path):
    write(tmp_path / "qa.csv", "image,question,answer\na.jpg,what?,cat\nb.jpg,what?,cat\n")
    with pytest.raises(DataError, match=r"no question that can be used \(2 images are missing, such as a.jpg, b.jpg\)"):
        read_questions(tmp_path)


def test_missing_splits_are_made_by_photo(tmp_path):
    touch(*(tmp_path / f"{i}.jpg" for i in range(40)))
    lines = [f"{i}.jpg,what {j}?,cat" for i in range(40) for j in range(3)]
    data = read_questions(write(tmp_path / "qa.csv", "\n".join(["image,question,answer", *lines])))
    assert data.made == ("test", "val")
    for split in ("train", "val", "test"):
        others = {r.image for r in data.records if r.split != split}
        assert data.split(split) and not others & {r.image for r in data.split(split)}


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "format", "count"),
    [
        ("coco", "vqa+cocoqa", {"all": 3597 + 4747}),
        ("daquar", "daquar", {"test": 5673, "all": 6795 + 5673}),
        ("easy-vqa", "easy-vqa", {"test": 9673, "all": 38575 + 9673}),
    ],
)
def test_the_real_data_sets_are_read_whole(shared_data, name, format, count):
    data = read_questions(shared_data / name)
    assert data.format == format and not data.problems.counts
    assert len(data.records) == count["all"]
    if "test" in count:
        assert len(data.split("test")) == count["test"]
    assert len({r.question_id for r in data.records}) == len(data.records)
    if name == "coco":
        assert {len(r.answers) for r in data.records} == {1, 10}
