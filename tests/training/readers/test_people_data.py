"""Data as people bring it: exported by other tools, moved between computers, zipped, copied beside a model's output."""

import json
import os
import tarfile
from pathlib import Path
from unicodedata import normalize

import pytest
from PIL import Image

from runtime.errors import DataError
from training.readers import read_captions
from training.readers.cells import parse_list, same_id, split_in, text_of
from training.readers.image_folder import ImageFolder
from training.readers.questions import read_questions


def photo(path: Path, format: str = "JPEG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, format)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with three photos, and whatever a test writes beside them."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photo(tmp_path / name)
    return tmp_path


def write(path: Path, content, encoding: str = "utf-8") -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding=encoding)
    return path


def captions_of(data) -> dict[str, tuple]:
    return {record.image.name: record.captions for record in data.records}


# What a model said


OUTPUTS = {
    "out.jsonl": json.dumps({"image": "a.jpg", "caption": "two dogs", "log_prob": -3.1, "words": []}),
    "captions.json": json.dumps({"image": "a.jpg", "caption": "two dogs", "log_prob": -3.1, "words": []}) + "\n{}",
    "list.json": json.dumps([{"image": "a.jpg", "caption": "two dogs", "log_prob": -3.1}]),
    "lines.json": json.dumps({"image": "a.jpg", "caption": "two dogs", "log_prob": -3.1}, indent=1),
    "run/out.csv": "image,caption,log_prob\na.jpg,two dogs,-3.1\n",
    "album.csv": "\ufeffimage,caption,error\na.jpg,two dogs,\n",
    "first-failed.jsonl": '{"image": "x.jpg", "error": "x.jpg is damaged."}\n{"image": "a.jpg", "caption": "two dogs"}',
    "failed.jsonl": json.dumps({"image": "a.jpg", "question": "what?", "error": "a.jpg is damaged."}),
    "answers.jsonl": json.dumps({"image": "a.jpg", "question": "what?", "answers": [{"answer": "x"}], "sure": True}),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_a_model_said_is_not_read(folder, name):
    write(folder / "own.csv", "image,caption\na.jpg,a ball\n")
    write(folder / "questions.csv", "image,question,answer\na.jpg,what?,ball\n")
    (folder / name).parent.mkdir(exist_ok=True)
    write(folder / name, OUTPUTS[name])
    captions, questions = read_captions(folder), read_questions(folder)
    assert captions_of(captions) == {"a.jpg": ("a ball",)}
    assert [record.answers for record in questions.records] == [("ball",)]
    told = {"files are what a model said, and nothing to learn from": 1}
    assert captions.problems.counts == told == questions.problems.counts


@pytest.mark.parametrize("columns", [{"caption": "two dogs", "log_prob": -1.5}, {"question": "what?", "answer": "x",
                                                                                "sure": True}])  # fmt: skip
def test_what_a_model_said_is_told_where_nothing_else_is(folder, columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist([{"image": "a.jpg", **columns}]), folder / "part-0.parquet")
    for read in (read_captions, read_questions):
        with pytest.raises(DataError, match=r"part-0\.parquet is what a model said"):
            read(folder)


def test_what_a_model_said_is_told(folder):
    write(folder / "own.csv", "image,caption\na.jpg,a ball\n")
    write(folder / "album.csv", OUTPUTS["album.csv"])
    assert read_captions(folder).problems.sentences() == [
        "1 files are what a model said, and nothing to learn from, such as album.csv"
    ]
    (folder / "own.csv").unlink()
    with pytest.raises(DataError, match=r"album\.csv is what a model said"):
        read_captions(folder)


def test_two_files_that_say_the_same_of_a_photo_count_once(folder):
    write(folder / "captions.csv", "image,caption\na.jpg,a ball\na.jpg,a ball\nb.jpg,a box\n")
    write(folder / "captions.txt", "image,caption\na.jpg,a ball\na.jpg,a red ball\nc.jpg,a cup\n")
    data = read_captions(folder)
    assert captions_of(data) == {"a.jpg": ("a ball", "a ball", "a red ball"), "b.jpg": ("a box",), "c.jpg": ("a cup",)}
    assert data.problems.counts == {"images have the same captions twice, which count once": 1}


def test_two_files_that_ask_the_same_of_a_photo_count_once_and_for_testing(folder):
    write(folder / "all.csv", "image,question,answer\na.jpg,what?,ball\na.jpg,what?,ball\na.jpg,what?,box\n")
    write(folder / "test.csv", "image,question,answer\na.jpg,what?,box\nb.jpg,what?,ball\n")
    data = read_questions(folder)
    assert [(record.answers[0], record.split) for record in data.records] == [
        ("ball", "train"), ("ball", "train"), ("box", "test"), ("ball", "test"),
    ]  # fmt: skip
    assert data.problems.counts == {"questions are in two files and count once": 1}


# Quotation marks


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (['a.jpg,"stop" on a wall', 'b.jpg,"stop', "c.jpg,a ball"], 3),
        (['b.jpg,"stop', 'c.jpg,"a ball"', "a.jpg,a box"], 2),
        (["", 'b.jpg,"stop', 'c.jpg,a 5"'], 3),
        (['b.jpg,"stop', *["c.jpg,a ball"] * 12_000], 2),  # beyond the csv module's longest field
        (["b.jpg," + "stop " * 40_000], 2),
    ],
    ids=["at the end", "closed by the next", "closed by an inch", "very long", "a long word"],
)
def test_a_quotation_mark_that_is_not_closed_is_told_with_its_line(folder, rows, line):
    write(folder / "captions.csv", "\n".join(["image,caption", *rows, ""]))
    with pytest.raises(DataError, match=rf"captions\.csv cannot be read at line {line}: ") as caught:
        read_captions(folder)
    assert "\n" not in str(caught.value)


def test_a_text_that_is_too_long_is_not_only_told_as_a_mark_that_is_not_closed(folder):
    write(folder / "captions.csv", 'image,caption\na.jpg,ball\nb.jpg,"' + "stop " * 40_000 + '"\n')
    with pytest.raises(DataError, match=r"at line 3: a text of more than 131,072 characters begins there, or "):
        read_captions(folder)


def test_a_quotation_mark_before_a_photo_in_a_later_column_is_told(folder):
    write(folder / "q.csv", 'question,image,answer\nred?,a.jpg,"yes\nblue?,b.jpg,no"\n')
    with pytest.raises(DataError, match=r"q\.csv cannot be read at line 2: a quotation mark"):
        read_questions(folder)


def test_a_quotation_mark_in_the_header_is_told(folder):
    write(folder / "captions.csv", '"image,caption\na.jpg,ball\n')
    for read in (read_captions, read_questions):
        with pytest.raises(DataError, match=r"captions\.csv cannot be read at line 1: a quotation mark"):
            read(folder)


def test_lines_in_quotation_marks_that_look_like_rows_are_told(folder):
    write(folder / "captions.csv", 'image,caption\na.jpg,"a dog\nx1,a cat"\nb.jpg,"a box,\nwhich is red"\n')
    data = read_captions(folder)
    assert captions_of(data) == {"a.jpg": ("a dog x1,a cat",), "b.jpg": ("a box, which is red",)}
    assert data.problems.sentences() == [
        "1 lines look like rows and are taken for part of a text in quotation marks, such as captions.csv line 3"
    ]


def test_quotation_marks_that_are_closed(folder):
    write(folder / "captions.csv", 'image,caption\na.jpg,"stop\nsign"\n\nb.jpg,"a ""red"" box"\nc.jpg,a 5" cup')
    assert captions_of(read_captions(folder)) == {
        "a.jpg": ("stop sign",), "b.jpg": ('a "red" box',), "c.jpg": ('a 5" cup',),
    }  # fmt: skip


# Splits


@pytest.mark.parametrize(
    ("name", "split"),
    [("testdev", "test"), ("Validation", "val"), ("minival", "val"), ("trainval", "train"), ("restval", "train"),
     ("testA", "test"), ("DEV", "val"), ("trainSet", "train"), ("valset", "val"), ("valminusminival2014", "train"),
     ("validación", None), ("test-dev2015", "test"), ("coco_val2014", "val"), ("banana", None), ("latest", None),
     ("", None)],
)  # fmt: skip
def test_the_names_of_splits(name, split):
    assert split_in(name) == split


@pytest.mark.parametrize("unknown", ["later", "0", "traim"])
def test_rows_of_an_unknown_split_are_left_out_and_told(folder, unknown):
    write(folder / "q.csv", f"image,question,answer,split\na.jpg,red?,yes,\nb.jpg,red?,yes,{unknown}\n")
    data = read_questions(folder)
    assert [(record.image.name, record.split) for record in data.records] == [("a.jpg", "train")]
    assert data.problems.counts == {"questions are in no known split": 1}
    write(folder / "c.csv", f"image,caption,split\na.jpg,red,\nb.jpg,red,{unknown}\n")
    data = read_captions(folder)
    assert captions_of(data) == {"a.jpg": ("red",)}
    assert data.problems.counts == {"images are in no known split": 1}


def test_an_empty_split_in_json_is_none(folder):
    write(folder / "q.jsonl", '{"image": "a.jpg", "question": "red?", "answer": "yes", "split": NaN}')
    assert [record.split for record in read_questions(folder).records] == ["train"]


# What pandas makes of a cell


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("['yes', 'no']", ["yes", "no"]), ('["yes", "no"]', ["yes", "no"]), ("['yes' 'no']", ["yes", "no"]),
        ("['yes'\n 'no']", ["yes", "no"]), ("('yes', 'no')", ["yes", "no"]), ("['yes', nan]", ["yes"]),
        ('["yes", NaN]', ["yes"]), ("['nan bread']", ["nan bread"]), ("[1, 2]", [1, 2]), ("yes", ["yes"]),
        ("[broken", ["[broken"]), ("(a dog)", ["(a dog)"]), ("[" * 5000, ["[" * 5000]), (["a", None], ["a", None]),
        (r"['\d']", [r"\d"]), (7, [7]), ("['yes' nan 'no']", ["yes", "no"]), ("[1 2]", [1, 2]),
        ("{'b', 'a'}", ["a", "b"]),
        ("array(['a', 'b'], dtype=object)", ["a", "b"]), ("[{'answer': 'a'}\n {'answer': 'b'}]", [{"answer": "a"},
        {"answer": "b"}]), ("{'answer': 'a'}", [{"answer": "a"}]), ("['yes' 'no' ...]", [None]), ("['yes', 'n", [None]),
        ("[sic] a dog", ["[sic] a dog"]),
    ],
)  # fmt: skip
def test_lists_in_a_cell(cell, texts):
    assert parse_list(cell) == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [(42.0, "42"), (0.5, "0.5"), (float("nan"), None), (float("inf"), None), (True, None), (3, "3"), (" a ", "a")],
)
def test_numbers_as_texts(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("42", 42, True), ("000042", 42, True), (42.0, "42", True), ("a", "a", True), ("a", "b", False), (4, 42, False),
     ([1], [1], True), ([1], [2], False), ("42.0", "000042", True), ("0", "", False), ("4.2", "4", False)],
)  # fmt: skip
def test_ids(one, other, same):
    assert same_id(one, other) == same


def test_answers_that_are_lists_or_missing(folder):
    header = "image,question,answers\n"
    write(folder / "q.csv", header + "a.jpg,red?,\"['yes', 'yes', 'no']\"\nb.jpg,red?,NaN\nc.jpg,how many?,2\n")
    write(folder / "more.jsonl", '{"image": "b.jpg", "question": "red?", "answers": [{"answer": "no"}]}')
    data = read_questions(folder)
    assert [record.answers for record in data.records] == [("no",), ("yes", "yes", "no"), ("2",)]
    assert data.problems.counts == {"answers are empty": 1}


@pytest.mark.parametrize("word", ["nan", "NaN", "null", "None", "<NA>", " "])
def test_words_that_programs_write_for_nothing(folder, word):
    write(folder / "c.csv", f"image,caption,split\na.jpg,{word},\nb.jpg,a ball,{word}\n")
    data = read_captions(folder)
    assert captions_of(data) == {"b.jpg": ("a ball",)} and data.records[0].split == "train"
    write(folder / "q.csv", f"image,question,answer\na.jpg,red?,{word}\nb.jpg,{word},yes\nc.jpg,red?,no\n")
    data = read_questions(folder)
    assert [record.answers for record in data.records] == [("no",)]
    assert data.problems.counts == {"answers are empty": 1, "questions are empty": 1}


def test_none_may_be_an_answer_in_json_which_has_a_word_for_nothing(folder):
    rows = [{"image": "a.jpg", "question": "red?", "answer": word} for word in ("None", "null", "nan", "none")]
    write(folder / "q.json", rows)
    assert [record.answers for record in read_questions(folder).records] == [("None",), ("none",)]


def test_an_answer_that_is_not_a_number_is_no_answer(folder):
    write(folder / "q.jsonl", '{"image":"a.jpg","question":"what?","answer":NaN}')
    with pytest.raises(DataError, match="1 answers are empty"):
        read_questions(folder)


def test_a_list_where_one_caption_was_expected(folder):
    content = {"images": [{"id": 1, "file_name": "a.jpg"}],
               "annotations": [{"image_id": "1", "caption": ["a ball", "a red ball"]}]}  # fmt: skip
    write(folder / "captions_train.json", content)
    assert captions_of(read_captions(folder)) == {"a.jpg": ("a ball", "a red ball")}


def test_question_ids_may_restart_in_each_file_and_ids_may_be_texts(folder):
    for split, image in (("train", "a.jpg"), ("val", "b.jpg")):
        write(folder / f"{split}_questions.json", {"questions": [
            {"question_id": 1, "image_id": image, "question": f"is it in {split}?"}]})  # fmt: skip
        write(folder / f"{split}_annotations.json", {"annotations": [{"question_id": "1", "answers": ["yes"]}]})
    data = read_questions(folder)
    assert {(record.image.name, record.split) for record in data.records} == {("a.jpg", "train"), ("b.jpg", "val")}
    assert len({record.question_id for record in data.records}) == 2 and not data.problems.counts


def test_question_ids_may_restart_in_each_split_of_one_file(folder):
    header = "image,question,answer,split,question_id\n"
    write(folder / "q.csv", header + "a.jpg,red?,yes,train,1\na.jpg,box?,yes,train,1\nb.jpg,blue?,no,val,1\n")
    data = read_questions(folder)
    assert [record.question for record in data.records] == ["red?", "blue?"]
    assert len({record.question_id for record in data.records}) == 2
    assert data.problems.counts == {"question ids are given twice": 1}


@pytest.mark.parametrize(("one", "other"), [("000012", 12), (12.0, "12"), ("12.0", "12")])
def test_ids_of_any_spelling_belong_together(folder, one, other):
    write(folder / "captions_train.json", {"images": [{"id": one, "file_name": "a.jpg"}],
                                           "annotations": [{"image_id": other, "caption": "a ball"}]})  # fmt: skip
    assert captions_of(read_captions(folder)) == {"a.jpg": ("a ball",)}
    write(folder / "v_questions.json", {"questions": [{"question_id": one, "image_id": "a.jpg", "question": "red?"}]})
    write(folder / "v_annotations.json", {"annotations": [{"question_id": other, "answers": ["no"]}]})
    assert [record.answers for record in read_questions(folder).records] == [("no",)]


def test_an_image_id_may_be_a_text_in_one_file_and_a_number_in_the_other(tmp_path):
    photo(tmp_path / "000000000042.jpg")
    write(tmp_path / "questions.json", {"questions": [{"question_id": 1, "image_id": "42", "question": "is it red?"}]})
    write(tmp_path / "annotations.json", {"annotations": [{"question_id": 1, "image_id": 42.0, "answers": ["yes"]}]})
    data = read_questions(tmp_path)
    assert [record.answers for record in data.records] == [("yes",)] and not data.problems.counts


# Names and places of photos


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("/data/upload/4/a.jpg", "a.jpg"), ("C:\\me\\a.jpg", "a.jpg"), ("\\\\server\\share\\a.jpg", "a.jpg"),
        ("https://host/x/a.jpg", "a.jpg"), ("https://[h/val/d.jpg?w=6#x", "val/d.jpg"),
        ("file:///c%3A/x/%61.jpg", "a.jpg"),
        ("s3://bucket/val/d.jpg", "val/d.jpg"), ("/x/train/d.jpg", "train/d.jpg"),
        ("../images/a.jpg", "a.jpg"), ("/x/d.jpg", None), ("/x/gone.jpg", None), ("test/d.jpg", None),
    ],
)  # fmt: skip
def test_paths_of_another_computer(folder, name, found):
    for split in ("train", "val"):
        photo(folder / split / "d.jpg")
    assert ImageFolder(folder).find(name) == (folder / found if found else None)


def test_a_name_over_a_link_inside_the_folder_is_the_photo_itself(tmp_path):
    photo(tmp_path / "images" / "a.jpg")
    (tmp_path / "train2014").symlink_to("images")
    (tmp_path / "loop").symlink_to("loop")
    photos = ImageFolder(tmp_path)
    assert photos.find("train2014/a.jpg") == tmp_path / "images" / "a.jpg"
    assert photos.find("loop/a.jpg") is None is photos.find("a\0.jpg") and not photos.unused()


def test_a_pipe_among_the_files_is_passed_over(folder):
    write(folder / "captions.csv", "image,caption\na.jpg,a ball\n")
    os.mkfifo(folder / "captions.json")
    assert captions_of(read_captions(folder)) == {"a.jpg": ("a ball",)}


@pytest.mark.parametrize(("here", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_composed_and_decomposed_names_are_the_same(tmp_path, here, there):
    name = "été/café.jpg"
    photo(tmp_path / "x" / normalize(here, name))
    photos = ImageFolder(tmp_path)
    for asked in (name, "café.jpg", "data/x/" + name, "/home/x/" + name):
        assert photos.find(normalize(there, asked)) == tmp_path / "x" / normalize(here, name)


@pytest.mark.parametrize(
    ("name", "alphabet"),
    [("фото/кот.jpg", "cp866"), ("猫.jpg", "cp932"), ("Käse.jpg", "cp1252"), ("łódź.jpg", "cp852"),
     ("İçel.jpg", "cp1254"), ("日本.jpg", "euc_jp")],
)  # fmt: skip
def test_names_that_a_zip_misread(tmp_path, name, alphabet):
    for reader, misread in (
        ("zip", name.encode(alphabet).decode("cp437")),
        ("tar", os.fsdecode(name.encode(alphabet))),
    ):
        photo(tmp_path / reader / misread)
        assert ImageFolder(tmp_path / reader).find(name) == tmp_path / reader / misread


@pytest.mark.parametrize("name", ["a.jpg ", " a.jpg", "x / a.jpg", "x\\a.jpg", "a\n.jpg"])
def test_names_with_what_stands_around_them(tmp_path, name):
    photo(tmp_path / name)
    write(tmp_path / "captions.jsonl", {"image": name, "caption": "a ball"})
    assert list(captions_of(read_captions(tmp_path)).values()) == [("a ball",)]


@pytest.mark.parametrize("name", ["a.jfif", "B.JPE", "photo", "c.dat"])
def test_photos_need_no_usual_suffix(tmp_path, name):
    photo(tmp_path / name)
    photo(tmp_path / "._x.jpg")
    write(tmp_path / "captions.csv", f"image,caption\n{name},a ball\n._x.jpg,junk\n")
    data = read_captions(tmp_path)
    assert captions_of(data) == {name: ("a ball",)} and data.problems.counts == {"images are missing": 1}


def test_photos_with_a_text_beside_them_need_no_usual_suffix(tmp_path):
    for name in ("a", "b.dat", "C.PNG"):
        photo(tmp_path / name)
        write(tmp_path / f"{Path(name).stem}.txt", f"a ball in {name}")
    write(tmp_path / "b.xml", "<text/>")
    write(tmp_path / "readme.txt", "nothing beside it")
    assert captions_of(read_captions(tmp_path)) == {
        "a": ("a ball in a",), "b.dat": ("a ball in b.dat",), "C.PNG": ("a ball in C.PNG",),
    }  # fmt: skip
    with tarfile.open(tmp_path / "train-0.tar", "w") as tar:
        for file in sorted(tmp_path.glob("[abC]*")):
            tar.add(file, file.name)
    assert sorted(captions_of(read_captions(tmp_path / "train-0.tar"))) == ["C.PNG", "a", "b.dat"]


# Files


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(folder, encoding):
    write(folder / "captions.csv", "image\tcaption\r\na.jpg\tun café\r\n", encoding)
    write(folder / "questions.jsonl", '{"image": "a.jpg", "question": "où?", "answer": "là"}', encoding)
    assert captions_of(read_captions(folder)) == {"a.jpg": ("un café",)}
    assert [record.question for record in read_questions(folder).records] == ["où?"]


@pytest.mark.parametrize("header", ["image,caption,caption", "image,Caption,x,caption", "image,caption,image"])
def test_a_column_that_comes_twice_is_told(folder, header):
    write(folder / "captions.csv", f"{header}\na.jpg,a ball,a red ball\n")
    with pytest.raises(DataError, match=r"captions\.csv has the column '(caption|image)' twice; give each"):
        read_captions(folder)


def test_commas_behind_the_last_column_are_no_columns(folder):
    write(folder / "captions.csv", "image,caption\na.jpg,a ball,\nb.jpg,a box,, \nc.jpg,a cup,red\n")
    data = read_captions(folder)
    assert captions_of(data) == {"a.jpg": ("a ball",), "b.jpg": ("a box",)}
    assert data.problems.counts == {"lines have more columns than the header": 1}


def test_a_table_without_names_of_columns_is_told(folder):
    write(folder / "captions.csv", "a.jpg,a ball\nb.jpg,a box\n")
    for read in (read_captions, read_questions):
        with pytest.raises(DataError, match=r"captions\.csv begins with a photo and has no names of columns"):
            read(folder)


def test_short_rows_are_told_with_their_line(folder):
    write(folder / "captions.csv", "image,caption,split\na.jpg,a ball\nb.jpg,a box,test\n")
    assert read_captions(folder).problems.sentences() == [
        "1 lines have fewer columns than the header, such as captions.csv line 2"
    ]
