"""Which files are photos, and which folders are entered."""

import os

import pytest
from PIL import Image

from encoders.formats import is_photo
from encoders.photo_files import photos_under


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM"])
@pytest.mark.parametrize("name", ["photo", "photo.dat", "IMG.JFIF"])
def test_a_photo_is_told_by_its_content(tmp_path, format, name):
    try:
        Image.new("RGB", (8, 8)).save(tmp_path / name, format)
    except (KeyError, OSError):
        pytest.skip(f"Pillow writes no {format} here")
    assert is_photo(tmp_path / name)


def test_heic_is_told_by_its_brand(tmp_path):
    (tmp_path / "a").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    (tmp_path / "b").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(20))
    assert is_photo(tmp_path / "a") and not is_photo(tmp_path / "b")


def test_a_damaged_photo_with_the_right_suffix_is_listed_to_be_told(tmp_path):
    (tmp_path / "a.JPG").write_bytes(b"")
    assert is_photo(tmp_path / "a.JPG")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("._a.jpg", b"\xff\xd8\xff"), (".DS_Store", b"\0\0\0\x01Bud1"), ("a.csv", b"image,caption\n"), ("x", b""),
        ("BMW.txt", b"BMW cars are fast and blue ."), ("P6.txt", b"P6 processors are old."),
    ],
)  # fmt: skip
def test_what_is_no_photo(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert not is_photo(tmp_path / name)


def test_folders_and_pipes_are_no_photos(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    os.mkfifo(tmp_path / "b")  # opening it would wait for ever
    assert list(photos_under(tmp_path)) == []


def test_linked_folders_are_entered_once_and_loops_not_at_all(tmp_path):
    for name in ("data/z/a.jpg", "elsewhere/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    data = tmp_path / "data"
    (data / "away").symlink_to(tmp_path / "elsewhere")
    (data / "again").symlink_to(data / "z")
    (data / "z" / "up").symlink_to(data)
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path)
    assert sorted(path.relative_to(data).as_posix() for path in photos_under(data)) == ["away/b.jpg", "z/a.jpg"]
