"""Unpacking strangers' zips: what is packed well comes out whole; everything hostile is refused and leaves nothing."""

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from runtime.archive import ArchiveLimits, escapes_root, unpack
from runtime.errors import DataError


def packed(folder: Path, members: dict[str, bytes], compression=zipfile.ZIP_DEFLATED) -> Path:
    file = folder / "photos.zip"
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def refused(zip_path: Path, match: str, **limits) -> str:
    """The one sentence with which a zip is refused; nothing of it may be left, not even beside the folder."""
    before = sorted(zip_path.parent.rglob("*"))
    with pytest.raises(DataError, match=match) as error:
        unpack(zip_path, zip_path.parent / "out", limits=ArchiveLimits(**limits))
    assert sorted(zip_path.parent.rglob("*")) == before
    assert "\n" not in str(error.value) and str(zip_path.parent) not in str(error.value)
    return str(error.value)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_and_folders_come_out_as_they_went_in(tmp_path):
    members = {"a.jpg": b"a" * 3_000_000, "inner/deep/b c.jpg": b"b", "é.txt": b"", "empty/": b""}
    out = unpack(packed(tmp_path, members), tmp_path / "out")
    assert out == tmp_path / "out" and (out / "empty").is_dir()
    assert contents(out) == {name: content for name, content in members.items() if name != "empty/"}


def test_a_zip_of_one_folder_gives_that_folder(tmp_path):
    out = unpack(packed(tmp_path, {"mine/a.jpg": b"a", "mine/captions.csv": b"c"}), tmp_path / "out")
    assert out == tmp_path / "out" and set(contents(out)) == {"a.jpg", "captions.csv"}


def test_what_systems_add_does_not_hide_the_one_folder(tmp_path):
    added = {".DS_Store": b"x", "._mine": b"x", "mine/._a.jpg": b"x", "Thumbs.db": b"x", "__MACOSX/._mine": b"x"}
    file = packed(tmp_path, {"mine/a.jpg": b"a", **added})
    assert contents(unpack(file, tmp_path / "out")) == {"a.jpg": b"a"}


def test_names_in_utf8_are_read_though_the_zip_does_not_say_so(tmp_path):
    file = packed(tmp_path, {"x/caf\u00e9.jpg": b"a", "x/b.jpg": b"b"})
    names = [info.filename for info in zipfile.ZipFile(file).infolist()]
    content = file.read_bytes().replace(b"\0\x08\x08\0", b"\0\0\x08\0")  # the flag of UTF-8, with method deflate
    file.write_bytes(content)
    assert [info.filename for info in zipfile.ZipFile(file).infolist()] != names
    assert set(contents(unpack(file, tmp_path / "out"))) == {"caf\u00e9.jpg", "b.jpg"}


def test_a_name_in_the_unicode_field_is_preferred(tmp_path):
    info = zipfile.ZipInfo("x/A.jpg")
    name = "x/фото.jpg".encode()
    info.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as file:
        file.writestr(info, b"a")
        file.writestr("x/b.jpg", b"b")
    assert set(contents(unpack(tmp_path / "own.zip", tmp_path / "out"))) == {"фото.jpg", "b.jpg"}


def test_a_unicode_field_that_leads_out_is_refused(tmp_path):
    info = zipfile.ZipInfo("A.jpg")
    info.extra = struct.pack("<HHBI", 0x7075, 5 + len(b"../b.jpg"), 1, 0) + b"../b.jpg"
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as file:
        file.writestr(info, b"a")
    refused(tmp_path / "own.zip", "leads out")


def test_windows_separators_are_separators_and_what_macos_adds_is_left_out(tmp_path):
    file = packed(tmp_path, {"x/a.jpg": b"a", "x/b.jpg": b"b", "__MACOSX/x/._a.jpg": b"junk"})
    file.write_bytes(file.read_bytes().replace(b"x/b.jpg", b"x\\b.jpg"))
    assert contents(unpack(file, tmp_path / "out")) == {"a.jpg": b"a", "b.jpg": b"b"}


@pytest.mark.parametrize(
    "name", ["../a.jpg", "x/../../a.jpg", "/etc/a.jpg", "C:/a.jpg", "C:a.jpg", "..\\a.jpg", "\\a.jpg"]
)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    refused(packed(tmp_path, {"good.jpg": b"good", name: b"bad"}), "a name that leads out of its folder")
    assert escapes_root(name)


@pytest.mark.parametrize("name", ["a.jpg", "x/y/a.jpg", "..a/b..jpg", "./a.jpg"])
def test_a_name_that_stays_inside_is_taken(name):
    assert not escapes_root(name)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_a_device_is_refused(tmp_path, kind):
    link = zipfile.ZipInfo("a.jpg")
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(tmp_path / "photos.zip", "a link or a device in it, a.jpg")


def test_a_password_is_refused(tmp_path):
    file = packed(tmp_path, {"a.jpg": b"a"})
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x03\x04") + 6] |= 1  # the bit that says so, of the file
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and of the directory
    file.write_bytes(content)
    refused(file, "a password in it")


def test_compression_whose_unpacking_can_take_any_memory_is_refused(tmp_path):
    refused(packed(tmp_path, {"a.jpg": b"a"}, zipfile.ZIP_LZMA), "an unusual compression")


def test_a_name_given_twice_is_refused(tmp_path):
    file = packed(tmp_path, {"a.jpg": b"a", "b.jpg": b"b"})
    file.write_bytes(file.read_bytes().replace(b"b.jpg", b"a.jpg"))
    refused(file, "a.jpg is in the zip twice")


def test_a_file_that_is_also_a_folder_is_refused(tmp_path):
    refused(packed(tmp_path, {"a": b"file", "a/b.jpg": b"inside"}), "cannot be unpacked")


def test_too_many_members_are_refused(tmp_path):
    members = {f"{n}.jpg": b"" for n in range(11)}
    refused(packed(tmp_path, members), "more than 10 files", members=10)
    assert len(contents(unpack(tmp_path / "photos.zip", tmp_path / "out", limits=ArchiveLimits(members=11)))) == 11


@pytest.mark.parametrize("limits", [{"member_bytes": 999}, {"total_bytes": 1999}, {"ratio": 1, "small": 1500}])
def test_too_large_members_too_large_a_whole_and_bombs_are_refused(tmp_path, limits):
    file = packed(tmp_path, {"a.txt": b"0" * 1000, "b.txt": b"0" * 1000})
    refused(file, "unpacks to more than is allowed, at [ab].txt", **limits)
    least = {name: {"member_bytes": 1000, "total_bytes": 2000, "ratio": 1, "small": 2000}[name] for name in limits}
    assert len(contents(unpack(file, tmp_path / "fits", limits=ArchiveLimits(**least)))) == 2


def test_a_bomb_is_refused_by_default_and_while_it_is_unpacked(tmp_path, monkeypatch):
    """20 MB of zeros in 20 kB: more than the default ratio. No more is written than is allowed."""
    file = packed(tmp_path, {"a.txt": b"\0" * (20 << 20)})
    most = 0
    plain = zipfile.ZipExtFile.read

    def counted(self, n=-1):
        nonlocal most
        most += len(chunk := plain(self, n))
        return chunk

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    refused(file, "unpacks to more than is allowed")
    assert most <= (16 << 20) + (1 << 20)


def test_a_size_that_the_directory_understates_does_not_help_a_bomb(tmp_path):
    file = packed(tmp_path, {"a.txt": b"\0" * 100_000})
    content = file.read_bytes()
    file.write_bytes(content.replace(struct.pack("<I", 100_000), struct.pack("<I", 10)))
    refused(file, "no zip, or a damaged one|unpacks to more", small=1000, ratio=1)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "photos.zip").write_bytes(content)
    refused(tmp_path / "photos.zip", "photos.zip is no zip, or a damaged one")


def test_every_way_of_cutting_or_damaging_a_zip_is_one_sentence_or_a_whole_folder(tmp_path):
    whole = packed(tmp_path, {"a.jpg": bytes(range(256)), "x/b.txt": b"text " * 50}).read_bytes()
    for at in range(0, len(whole), 7):
        for bad in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            (tmp_path / "photos.zip").write_bytes(bad)
            try:
                unpack(tmp_path / "photos.zip", tmp_path / f"out-{at}-{len(bad)}")
            except DataError as error:
                assert "\n" not in str(error)
                assert not (tmp_path / f"out-{at}-{len(bad)}").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is there already"):
        unpack(packed(tmp_path, {"a.jpg": b"a"}), tmp_path / "out")
    assert contents(tmp_path / "out") == {"mine.txt": b"mine"}


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    refused(tmp_path / "nothing.zip", "nothing.zip cannot be unpacked")
