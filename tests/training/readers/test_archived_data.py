"""Data sets in tar, zip and Parquet files, of which nothing is unpacked."""

import contextlib
import io
import json
import random
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from encoders.images import Preprocessing, open_photo
from runtime.errors import DataError, GlimpseError, PhotoError
from training.caches.photos import PhotoCache, file_signature
from training.checks.photo_files import find_duplicates, photos_by_split
from training.readers import read_captions
from training.readers.columns import Columns
from training.readers.questions import read_questions
from training.readers.records import Problems
from training.readers.several import drop_held_out, read_several


def picture(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (6, 4), (shade, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def shade_of(photo) -> int:
    return open_photo(photo).getpixel((0, 0))[0]


def tar_of(path: Path, files: dict[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path: Path, files: dict[str, object]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


def parquet_of(path: Path, columns: dict[str, list], rows_a_group: int = 2) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path, row_group_size=rows_a_group)
    return path


def pictures(*shades: int, paths: bool = False) -> list[dict]:
    return [{"bytes": picture(shade), "path": f"{shade}.png" if paths else None} for shade in shades]


def seen(data) -> dict[int, tuple]:
    """Shade of the photo -> its split and captions."""
    return {shade_of(record.image): (record.split, record.captions) for record in data.records}


# Samples in a tar or zip


@pytest.mark.parametrize(("make", "suffix"), [(tar_of, ".tar"), (zip_of, ".zip")])
def test_samples_have_a_text_beside_each_photo(tmp_path, make, suffix):
    archive = make(tmp_path / f"val-000{suffix}", {
        "000.png": picture(1), "000.txt": b"a dog\n\nit runs\n", "000.cls": b"7", "notes.txt": b"of no photo",
        "001.cls": b"3", "001.json": {"caption": "a cat", "image": "http://host/x.jpg", "split": "test"},
        "001.png": picture(2), "003.json": [1], "003.png": picture(4), "002.png": picture(3),
    })  # fmt: skip
    data = read_captions(archive)
    assert data.format == "table" and seen(data) == {1: ("val", ("a dog", "it runs")), 2: ("test", ("a cat",))}
    assert data.problems.counts == {"captions are not text": 2, "images have no captions": 2,
                                    "texts in an archive are not JSON objects": 1}  # fmt: skip
    assert len({record.image_id for record in data.records}) == 2
    assert seen(read_captions(archive, columns=Columns(captions=("cls",)))) == {1: ("val", ("7",)), 2: ("test", ("3",))}
    assert seen(read_captions(tmp_path)) == seen(data)


def test_shards_are_one_data_set(tmp_path):
    for split, shade in (("train", 1), ("train", 2), ("test", 3)):
        tar_of(tmp_path / "shards" / f"{split}-{shade}.tar", {"0.png": picture(shade), "0.txt": b"a dog"})
    assert seen(read_captions(tmp_path / "shards")) == {
        1: ("train", ("a dog",)), 2: ("train", ("a dog",)), 3: ("test", ("a dog",)),
    }  # fmt: skip
    assert seen(read_captions(tmp_path)) == seen(read_captions(tmp_path / "shards"))


def test_samples_with_questions(tmp_path):
    asked = [{"question": "red?", "answer": "yes"}, {"question": "blue?", "answers": ["no", "no", "yes"]}]
    tar_of(
        tmp_path / "train.tar", {"a/0.png": picture(1), "a/0.json": asked, "a/1.png": picture(2), "a/1.json": asked[0]}
    )
    data = read_questions(tmp_path)
    assert [(shade_of(r.image), r.question, r.answers) for r in data.records] == [
        (1, "red?", ("yes",)), (1, "blue?", ("no", "no", "yes")), (2, "red?", ("yes",)),
    ]  # fmt: skip
    assert len({r.question_id for r in data.records}) == 3


def test_a_shard_cut_short_is_read_as_far_as_it_goes_and_told(tmp_path):
    files = {f"{n}.{kind}": picture(n) if kind == "png" else b"a dog" for n in range(9) for kind in ("png", "txt")}
    content = tar_of(tmp_path / "1.tar", files).read_bytes()
    (tmp_path / "1.tar").write_bytes(content[: 1024 * 10])
    data = read_captions(tmp_path)
    assert data.problems.sentences() == [
        "1 archives are cut short, and read as far as they are whole, such as 1.tar",
    ]
    assert sorted(seen(data)) == [0, 1, 2, 3, 4]
    (tmp_path / "1.tar").write_bytes(content[:100])
    with pytest.raises(DataError, match=r"1\.tar is cut short|1\.tar is damaged"):
        read_captions(tmp_path)


# A whole data set in an archive


@pytest.mark.parametrize(("make", "suffix"), [(tar_of, ".tar"), (zip_of, ".zip")])
@pytest.mark.parametrize("top", ["", "flickr/"])
def test_a_data_set_in_an_archive(tmp_path, make, suffix, top):
    coco = {"images": [{"id": n, "file_name": "a.png"} for n in (1,)],
            "annotations": [{"id": 1, "image_id": 1, "caption": "a dog"}]}  # fmt: skip
    archive = make(tmp_path / f"all{suffix}", {
        f"{top}annotations/captions_train2014.json": coco, f"{top}annotations/captions_val2014.json": coco,
        f"{top}train2014/a.png": picture(1), f"{top}val2014/a.png": picture(2), f"{top}val2014/b.png": picture(3),
        "../out.csv" if not top else f"{top}../out.csv": b"image,caption\n",
    })  # fmt: skip
    data = read_captions(archive)
    assert (data.format, seen(data)) == ("coco", {1: ("train", ("a dog",)), 2: ("val", ("a dog",))})
    assert data.unused == ("val2014/b.png",) and not data.problems.counts
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]
    with pytest.raises(DataError, match=rf"all\{suffix} is no data set of questions"):
        read_questions(archive)


def test_an_error_names_the_archive_and_not_where_its_texts_lie(tmp_path):
    archive = zip_of(tmp_path / "all.zip", {"a.png": picture(1), "own.csv": b'image,caption\na.png,"a dog\n'})
    with pytest.raises(DataError, match="line 2") as caught:
        read_captions(archive)
    assert str(caught.value).startswith(f"{archive}/own.csv cannot be read")


def test_photos_may_be_in_archives_beside_the_captions(tmp_path):
    zip_of(tmp_path / "train2014.zip", {"train2014/a.png": picture(1), "train2014/b.png": picture(2)})
    (tmp_path / "b.png").write_bytes(picture(3))
    (tmp_path / "damaged.zip").write_bytes(b"PK")
    (tmp_path / "own.csv").write_text("image,caption\na.png,a dog\nb.png,a cat\ngone.png,a cow\n")
    data = read_captions(tmp_path)
    assert seen(data) == {1: ("train", ("a dog",)), 3: ("train", ("a cat",))}
    assert data.problems.counts == {"images are missing": 1} and data.unused == ("train2014.zip/train2014/b.png",)


def test_a_compressed_tar_is_one_sentence(tmp_path):
    (tmp_path / "all.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(DataError, match="compressed tar, in which nothing can be read in place"):
        read_captions(tmp_path / "all.tar.gz")


# Parquet


def test_parquet_as_hugging_face_has_it(tmp_path):
    parquet_of(
        tmp_path / "data/train-00000-of-00002.parquet",
        {"image": pictures(1, 2, 3), "caption_0": ["a dog", "a cat", "a cow"], "caption_1": ["it runs", None, ""]},
    )
    parquet_of(
        tmp_path / "data/train-00001-of-00002.parquet", {"image": pictures(4, paths=True), "caption": [["x", "y"]]}
    )
    parquet_of(tmp_path / "data/test-00000-of-00001.parquet", {"image": [picture(5)], "caption": ["z"]})
    parquet_of(tmp_path / "data/validation-0.parquet", {"image": [picture(6)], "caption": ["z"]})
    data = read_captions(tmp_path)
    assert data.format == "table" and not data.problems.counts and seen(data) == {
        1: ("train", ("a dog", "it runs")), 2: ("train", ("a cat",)), 3: ("train", ("a cow",)),
        4: ("train", ("x", "y")), 5: ("test", ("z",)), 6: ("val", ("z",)),
    }  # fmt: skip
    assert [record.image.name for record in data.records] == [
        "test-00000-of-00001-0", *[f"train-00000-of-00002-{n}" for n in range(3)], "4.png", "validation-0-0",
    ]  # fmt: skip


def test_parquet_with_questions_and_a_column_of_splits(tmp_path):
    answers = [
        [{"answer": "yes", "answer_id": 1}, {"answer": "no", "answer_id": 2}],
        [{"answer": "no", "answer_id": 1}],
    ]
    parquet_of(tmp_path / "0000.parquet", {
        "image": pictures(1, 2), "question_id": [7, 8], "question": ["red?", "blue?"], "answers": answers,
        "split": ["train", "val"], "answer_type": ["yes/no", "yes/no"],
    })  # fmt: skip
    assert [(shade_of(r.image), r.question_id, r.question, r.answers, r.split, r.kind)
            for r in read_questions(tmp_path).records] == [
        (1, "7", "red?", ("yes", "no"), "train", "yes/no"), (2, "8", "blue?", ("no",), "val", "yes/no"),
    ]  # fmt: skip


@pytest.mark.parametrize("cell", [lambda name: name, lambda name: {"bytes": None, "path": name}])
def test_parquet_with_names_of_photos(tmp_path, cell):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.png").write_bytes(picture(1))
    pyarrow = pytest.importorskip("pyarrow")
    cells = [cell("images/1.png"), cell("gone.png")]
    kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()}) if isinstance(cells[0], dict) else None
    parquet_of(tmp_path / "own.parquet", {"image": pyarrow.array(cells, kind), "text": ["a dog", "a cat"]})
    data = read_captions(tmp_path)
    assert data.records[0].image == tmp_path / "images/1.png" and data.records[0].captions == ("a dog",)
    assert data.problems.counts == {"images are missing": 1}


def test_rows_of_a_parquet_file_without_a_picture_are_told_when_opened(tmp_path):
    parquet_of(tmp_path / "own.parquet", {"image": [*pictures(1), None], "caption": ["a dog", "a cat"]})
    first, second = (record.image for record in read_captions(tmp_path).records)
    assert shade_of(first) == 1
    with pytest.raises(PhotoError, match=r"own\.parquet/1/own-1 cannot be read \(the row has no picture\)"):
        open_photo(second)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [({"url": ["x"], "caption": ["a dog"]}, "own.parquet has the columns caption, url; say with --image-column"),
     ({"image": pictures(1), "about": ["a dog"]}, "own.parquet has the columns about, image; say with --caption-")],
)  # fmt: skip
def test_parquet_without_a_column_says_which_it_has(tmp_path, columns, sentence):
    file = parquet_of(tmp_path / "own.parquet", columns)
    for path in (file, tmp_path):
        with pytest.raises(DataError, match=sentence):
            read_captions(path)


@pytest.mark.parametrize("end", [0, 3, 100, -4, -30])
def test_parquet_cut_short_is_one_sentence(tmp_path, end):
    parquet_of(tmp_path / "whole.parquet", {"image": pictures(1), "caption": ["a dog"]})
    file = parquet_of(tmp_path / "cut.parquet", {"image": pictures(2), "caption": ["a dog"]})
    file.write_bytes(file.read_bytes()[:end])
    with pytest.raises(DataError, match=r"cut\.parquet is no Parquet file, or is cut short") as caught:
        read_captions(tmp_path)
    assert "\n" not in str(caught.value)


def test_parquet_damaged_behind_the_index_is_a_photo_that_cannot_be_opened(tmp_path):
    file = parquet_of(tmp_path / "own.parquet", {"image": pictures(1), "caption": ["a dog"]})
    (record,) = read_captions(file).records
    content = bytearray(file.read_bytes())
    content[4:150] = b"\xff" * 146
    file.write_bytes(content)
    with pytest.raises(PhotoError, match=r"own\.parquet/0/own-0 cannot be read"):
        open_photo(record.image)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    file = parquet_of(tmp_path / "own.parquet", {"image": pictures(1), "caption": ["a dog"]})
    monkeypatch.setattr("training.readers.files.find_spec", lambda name: None)
    for path in (file, tmp_path):
        with pytest.raises(DataError, match=r"own\.parquet needs pyarrow to be read; install it with pip install"):
            read_captions(path)
    (tmp_path / "a.png").write_bytes(picture(2))
    (tmp_path / "own.csv").write_text("image,caption\na.png,a cat\n")
    assert seen(read_captions(tmp_path)) == {2: ("train", ("a cat",))}
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match="needs pyarrow"):
        read_captions(tmp_path, columns=Columns(image="image", captions=("caption",))) and read_captions(file)


# What the rest of training asks of a photo


def test_a_photo_held_out_by_one_data_set_is_known_in_another_whatever_it_lies_in(tmp_path):
    tar_of(tmp_path / "shards/train-0.tar", {f"{n}.{kind}": picture(n) if kind == "png" else b"a dog"
                                             for n in (1, 2, 3, 4) for kind in ("png", "txt")})  # fmt: skip
    parquet_of(tmp_path / "rows/test.parquet", {"image": pictures(1, 9), "caption": ["a dog", "a cat"]})
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose/x.png").write_bytes(picture(2))
    (tmp_path / "loose/test.csv").write_text("image,caption\nx.png,a dog\n")
    found = read_several([tmp_path / name for name in ("shards", "rows", "loose")])
    held = {shade_of(r.image) for r in found.records if r.split != "train"}
    assert {1, 2} <= held and not held & {shade_of(r.image) for r in found.split("train")}
    assert drop_held_out(found.records, Problems()) == found.records


def test_copies_are_found_in_whatever_they_lie(tmp_path):
    tar_of(tmp_path / "train-0.tar", {"a.png": picture(1), "a.txt": b"a dog"})
    parquet_of(tmp_path / "test.parquet", {"image": pictures(1, 2), "caption": ["a dog", "a cat"]})
    records = read_captions(tmp_path).records
    looking = find_duplicates(photos_by_split(records))
    with pytest.raises(StopIteration) as stop:
        while True:
            next(looking)
    (leak,) = stop.value.value.leaks
    assert (leak.split, leak.also_in, leak.photos) == ("test", "train", 1)


def test_cached_photos_are_the_same_wherever_they_lie(tmp_path):
    shades = range(40)
    texts = {f"{n}.txt": b"a dog" for n in shades}
    tar_of(tmp_path / "tar/0.tar", {f"{n}.png": picture(n) for n in shades} | texts)
    zip_of(tmp_path / "0.zip", {f"{n}.png": picture(n) for n in shades} | texts)
    parquet_of(tmp_path / "rows/0.parquet", {"image": pictures(*shades), "caption": ["a dog"] * 40}, rows_a_group=7)
    (tmp_path / "loose").mkdir()
    for n in shades:
        (tmp_path / f"loose/{n}.png").write_bytes(picture(n))
    paths = {name: [r.image for r in read_captions(tmp_path / name).records] for name in ("tar", "rows", "0.zip")}
    paths["loose"] = [tmp_path / f"loose/{n}.png" for n in shades]
    caches = {name: PhotoCache(photos, Preprocessing(size=16), tmp_path) for name, photos in paths.items()}
    assert len({cache.file for cache in caches.values()}) == 4
    rows = {name: cache[list(shades)] for name, cache in caches.items()}
    assert not any(cache.bad for cache in caches.values())
    assert all(rows[name].equal(rows["loose"]) for name in rows) and len(rows["loose"].unique()) > 20


@pytest.mark.parametrize("make", [tar_of, zip_of, None], ids=["tar", "zip", "parquet"])
def test_damaged_files_give_a_sentence_or_what_is_whole(tmp_path, make):
    if make:
        file = make(tmp_path / ("0.tar" if make is tar_of else "0.zip"), {
            "0.png": picture(1), "0.txt": b"a dog", "1.png": picture(2), "1.json": {"caption": "a cat"},
        })  # fmt: skip
    else:
        file = parquet_of(tmp_path / "0.parquet", {"image": pictures(1, 2), "caption": ["a dog", "a cat"]})
    whole, chance = file.read_bytes(), random.Random(7)
    for _ in range(120):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(content))
            content[place : place + chance.randint(0, 9)] = chance.randbytes(chance.choice([0, 1, 9]))
        file.write_bytes(content)
        try:
            photos = [record.image for record in read_captions(file).records]
        except GlimpseError as error:
            assert str(error).isprintable()
            continue
        for photo in photos:
            with contextlib.suppress(PhotoError):
                open_photo(photo)


def test_what_tells_photos_in_a_file_apart(tmp_path):
    tar_of(tmp_path / "0.tar", {"a.png": picture(1), "a.txt": b"a dog", "b.png": picture(2), "b.txt": b"a dog"})
    parquet_of(tmp_path / "0.parquet", {"image": pictures(1, 2), "caption": ["a dog", "a cat"]})
    photos = [record.image for record in read_captions(tmp_path).records]
    caught = [file_signature(photo) for photo in photos]
    assert len(set(caught)) == len(photos) == 4 and caught == [file_signature(photo) for photo in photos]
    for name in ("0.tar", "0.parquet"):
        (tmp_path / name).touch()
    assert not set(caught) & {file_signature(photo) for photo in photos}
    (tmp_path / "0.tar").unlink()
    assert b"missing" in file_signature(next(photo for photo in photos if photo.archive.name == "0.tar"))
