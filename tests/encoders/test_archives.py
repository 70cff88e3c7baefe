"""Files inside tar and zip archives, read in place."""

import io
import pickle
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from encoders import archives
from encoders.archives import list_archive
from encoders.images import open_photo
from runtime.errors import DataError, PhotoError

FILES = {
    "a/1.jpg": b"one",
    "a/2.txt": b"two " * 99,
    "long" * 40 + "/3.jpg": b"three",
    "Käse/4.png": b"",
    "b.json": b"{}",
}


def picture(colour, format="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(stream, format)
    return stream.getvalue()


def tar_of(path, files):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def stored_zip_of(path, files):
    return zip_of(path, files, zipfile.ZIP_STORED)


MADE = pytest.mark.parametrize(("make", "suffix"), [(tar_of, ".tar"), (zip_of, ".zip"), (stored_zip_of, ".zip")])


@MADE
def test_every_file_is_where_the_index_says(tmp_path, make, suffix):
    archive = make(tmp_path / f"x{suffix}", {**FILES, "__MACOSX/a/._1.jpg": b"junk", "a/.DS_Store": b"junk"})
    found = list(list_archive(archive))
    assert {file.member: file.read_bytes() for file in found} == FILES
    assert [file.member for file in found] == list(FILES)
    for file in found:
        assert file.stat().st_size == len(FILES[file.member]) == file.size
        assert file.stat().st_mtime_ns == archive.stat().st_mtime_ns
        assert str(file) == f"{archive}/{file.member}" and file.open().read() == FILES[file.member]
        assert pickle.loads(pickle.dumps(file)) == file and file.is_file()
    assert (found[0].name, found[0].stem) == ("1.jpg", "1")
    assert [file.is_photo() for file in found] == [True, False, True, True, False]


@MADE
def test_a_photo_needs_no_usual_suffix(tmp_path, make, suffix):
    files = {
        "a": picture("red"),
        "b.hif": picture("red"),
        "c.dat": b"x",
        "d.txt": picture("red"),
        "e": b"",
        "F.PNG": b"",
    }
    found = {file.member: file.is_photo() for file in list_archive(make(tmp_path / f"x{suffix}", files))}
    assert found == {"a": True, "b.hif": True, "c.dat": False, "d.txt": False, "e": False, "F.PNG": True}


def test_a_zip_of_windows_may_have_backslashes(tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as made:
        info = zipfile.ZipInfo("a")
        info.filename = "top\\a.jpg"  # as written: ZipInfo would mend it on Windows
        made.writestr(info, b"")
    assert [(file.member, file.name) for file in list_archive(archive)] == [("top/a.jpg", "a.jpg")]


@MADE
def test_photos_inside_are_opened_by_many_threads(tmp_path, make, suffix):
    archive = make(tmp_path / f"x{suffix}", {f"{n}.png": picture((n, 0, 0)) for n in range(40)})
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(open_photo, list_archive(archive)))
    assert [photo.getpixel((0, 0))[0] for photo in opened] == list(range(40))


@MADE
def test_what_changed_behind_the_index_is_one_sentence(tmp_path, make, suffix):
    archive = make(tmp_path / f"x{suffix}", {"a.png": picture("red"), "b.png": picture("red")})
    *_, last = list_archive(archive)
    archive.write_bytes(archive.read_bytes()[: last.offset + 9])
    with pytest.raises(PhotoError, match=r"x\.\w+/b\.png cannot be read \(the archive is cut short\)"):
        open_photo(last)
    archive.unlink()
    with pytest.raises(PhotoError, match=r"x\.\w+/b\.png does not exist"):
        open_photo(last)


def test_damaged_bytes_of_a_zip_are_one_sentence(tmp_path):
    archive = zip_of(tmp_path / "x.zip", {"a.txt": b"two " * 99})
    (file,) = list_archive(archive)
    content = bytearray(archive.read_bytes())
    content[file.offset : file.offset + file.deflated] = b"\xff" * file.deflated
    archive.write_bytes(content)
    with pytest.raises(OSError, match="the archive is damaged"):
        file.read_bytes()


def test_a_zip_that_holds_more_than_it_says_is_not_unpacked(tmp_path, monkeypatch):
    archive = zip_of(tmp_path / "x.zip", {"a.txt": b"\0" * 5000})
    (file,) = list_archive(archive)
    with pytest.raises(OSError, match="the archive is damaged"):
        archives.ArchivedFile(archive, "a.txt", 100, file.offset, file.deflated).read_bytes()
    monkeypatch.setattr(archives, "MAX_BYTES", 4999)
    with pytest.raises(OSError, match="larger than"):
        file.read_bytes()


@pytest.mark.parametrize("cut", [1024, 1300, 1536, 1800])
def test_a_tar_cut_short_gives_what_is_before(tmp_path, cut):
    archive = tar_of(tmp_path / "x.tar", {"a.txt": b"a" * 300, "b.txt": b"b" * 300, "c.txt": b"c" * 300})
    archive.write_bytes(archive.read_bytes()[:cut])
    files = list_archive(archive)
    assert next(files).read_bytes() == b"a" * 300
    with pytest.raises(DataError, match=r"x\.tar is cut short.*download or copy it again"):
        list(files)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [("x.tar", b"not a tar" * 99, "is damaged"), ("x.zip", b"PK\x03\x04 cut", "is damaged"),
     ("x.tar.gz", b"", "compressed tar"), ("x.tgz", b"", "compressed tar")],
)  # fmt: skip
def test_what_is_no_archive_is_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        list(list_archive(tmp_path / name))
    assert "\n" not in str(caught.value)
