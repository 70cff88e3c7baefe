"""What is given is cut into the same parts every time, and each part gives its photos, or says what is wrong."""

import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from scale_toys import BAD, photos, png, tar_of, zip_of

from encoders.images import open_photo
from runtime.errors import DataError, PhotoError, SettingError
from scale.parts import Part, digest, parts_of
from scale.reading import check_column, error_text, photos_of


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The working folder, with nine files in `photos`, two shards in `shards`."""
    monkeypatch.chdir(tmp_path)
    for name, content in photos().items():
        Path("photos", "more" if name > "r" else "").mkdir(parents=True, exist_ok=True)
        Path("photos", "more" if name > "r" else "", name).write_bytes(content)
    for number in range(2):
        tar_of(Path(f"shards/{number}.tar"), {f"./{name}": data for name, data in shard(number).items()})
    return tmp_path


def shard(number: int) -> dict[str, bytes]:
    return {f"{number}{name}": data for name, data in photos().items()} | {"0.txt": b"a caption"}


def table(path: str, columns: dict, **how) -> str:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path, **how)
    return path


def said(photo) -> str:
    """A photo's colour, or what is wrong with it."""
    try:
        return str(open_photo(photo).getpixel((5, 15)))
    except PhotoError as error:
        return error_text(photo, error)


def all_photos(*sources: str, column: str | None = None, **how) -> dict[str, str]:
    found = [(photo.name, said(photo)) for part in parts_of(sources, **how) for photo in photos_of(part, column)]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_folder_is_cut_into_so_many_photos(here):
    parts = parts_of(["photos"], photos=4)
    assert [len(part.names) for part in parts] == [4, 4, 1] and [part.number for part in parts] == [0, 1, 2]
    assert parts == parts_of(["photos"], photos=4) and digest(parts) != digest(parts_of(["photos"], photos=5))
    assert Part.from_json(parts[0].to_json()) == parts[0]
    assert parts[0].about == "photos/left-blue.png and 3 more"


def test_the_same_photos_whatever_they_are_in(here, monkeypatch):
    folder = all_photos("photos", photos=2)
    assert len(folder) == 9 and "is not a picture" in folder["photos/left-zzz.jpg"]
    Path("all.txt").write_text("\n".join(folder) + "\n\n")
    assert all_photos("all.txt") == folder
    assert set(all_photos("photos/*.png", "photos/more/*")) == {name for name in folder if name.endswith(".png")}
    monkeypatch.chdir("/")  # as a worker may be elsewhere
    monkeypatch.setattr("scale.parts.Path.cwd", lambda: here)
    part = Part(0, tuple(folder), str(here))
    assert [(photo.name, said(photo)) for photo in photos_of(part)] == list(folder.items())


@pytest.mark.parametrize("kind", [".tar", ".zip"])
@pytest.mark.parametrize("source", ["{}/shards", "{}/shards/*{}", "file://{}/shards", "file://{}/shards/*{}"])
def test_shards_are_a_part_each_here_and_behind_an_address(here, source, kind):
    if kind == ".zip":
        for number in range(2):
            Path(f"shards/{number}.tar").unlink()
            zip_of(Path(f"shards/{number}.zip"), shard(number))
    source = source.format(here, kind)
    assert [part.kind for part in parts_of([source])] == [kind, kind]
    found = all_photos(source)
    start = f"{source.partition('/shards')[0]}/shards/0{kind}"
    assert list(found)[:2] == [f"{start}/0left-blue.png", f"{start}/0left-green.png"]
    assert len(found) == 18 and sum("is not a picture" in text for text in found.values()) == 2
    assert found[f"{start}/0left-red.png"] == "(220, 30, 30)"


def test_what_is_wrong_in_a_zip_keeps_no_other_photo_away(here, monkeypatch):
    red = {name: png("red") for name in ("a.png", "b.png", "c.png")}
    file = zip_of(Path("z.zip"), red | {"__MACOSX/._d.png": b"x", "e.png/": b"", "f.txt": b"a caption"})
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        local = archive.getinfo("b.png").header_offset
    listed = whole.rindex(b"PK\1\2", 0, whole.rindex(b"b.png"))  # the same in the list at the end

    def changed(*places: tuple[int, int]) -> dict[str, str]:
        data = bytearray(whole)
        for place, value in places:
            data[place] = value
        file.write_bytes(data)
        return all_photos("z.zip")

    names = ["z.zip/a.png", "z.zip/b.png", "z.zip/c.png"]
    for places, why in (
        (((local + 36, 0xFF), (local + 37, 0xFF)), "Error -3|Bad CRC"),  # its bytes
        (((local + 6, 1), (listed + 8, 1)), "it has a password"),
        (((local + 8, 9), (listed + 10, 9)), "compression method is not supported"),
    ):
        found = changed(*places)
        assert list(found) == names and found["z.zip/a.png"] == found["z.zip/c.png"] == "(220, 30, 30)"
        assert re.match(rf"z.zip/b.png cannot be unpacked \(.*({why}).*\); pack it again\.$", found["z.zip/b.png"])
    for size in (len(whole) - 9, 100, 0):
        file.write_bytes(whole[:size])
        assert list(all_photos("z.zip")) == ["z.zip"]
        assert "z.zip is no zip, or is cut short" in all_photos("z.zip")["z.zip"]
    monkeypatch.setattr("scale.reading.MAX_BYTES", 50)
    file.write_bytes(whole)
    assert "z.zip/a.png is larger than" in all_photos("z.zip")["z.zip/a.png"]


def test_photos_in_shards_need_no_usual_suffix(here):
    tar_of(Path("odd.tar"), {"a": png("red"), "b.dat": png("red"), "c.dat": b"x", "d.txt": b"a caption"})
    assert list(all_photos("odd.tar")) == ["odd.tar/a", "odd.tar/b.dat"]


def test_photos_behind_addresses(here):
    found = all_photos(f"file://{here}/photos")
    assert list(found.values()) == [
        text.replace("photos/", f"file://{here}/photos/") for text in all_photos("photos").values()
    ]
    assert "cannot be read" in all_photos(f"file://{here}/none.png")[f"file://{here}/none.png"]


def test_a_list_of_shards_and_photos(here):
    Path("list.txt").write_text("shards/1.tar\nphotos/left-red.png\nphotos/left-blue.png\nshards/0.tar\n")
    assert [part.names[0] for part in parts_of(["list.txt"])] == ["shards/1.tar", "photos/left-red.png", "shards/0.tar"]


@pytest.mark.parametrize("kind", ["structs", "bytes", "names"])
def test_parquet_has_photos_or_their_names(here, kind):
    red, none, colour = png("red"), None, "(220, 30, 30)"
    cells, names = {
        "structs": ([{"bytes": red, "path": "a.png"}, {"bytes": BAD, "path": none}, {"bytes": none, "path": none}],
                    ["p.parquet/0/a.png", "p.parquet/1", "p.parquet/2"]),
        "bytes": ([red, BAD, none], ["p.parquet/0", "p.parquet/1", "p.parquet/2"]),
        "names": (["photos/left-red.png", "photos/left-zzz.jpg", none],
                  ["photos/left-red.png", "photos/left-zzz.jpg", "p.parquet/2"]),
    }[kind]  # fmt: skip
    for column in ("image", "Picture"):
        table("p.parquet", {"file_name": ["x", "y", "z"], column: cells} if kind != "names" else {column: cells})
        found = all_photos("p.parquet", column=column)
        assert list(found) == names
        assert [colour, "p.parquet/2 has no picture in it; leave the row out."] == list(found.values())[::2]
        assert "is not a picture" in list(found.values())[1]
    table("p.parquet", {"file_name": ["x", "y", "z"], "Image": cells} if kind != "names" else {"img_name": cells})
    assert list(all_photos("p.parquet")) == names  # a column of photos before one of names
    table("p.parquet", {"Picture": cells})
    check_column(parts_of(["p.parquet"]), "picture")
    table("p.parquet", {"text": ["a"], "file": ["b"]})
    for column, words in ((None, "no photos that are known"), ("image", "no column 'image'")):
        with pytest.raises(DataError, match=f"{words}; give --image-column one of its columns: text, file."):
            check_column(parts_of(["photos", "p.parquet"]), column)


def test_what_is_cut_short_gives_what_is_whole_and_says_so(here):
    whole = Path("shards/0.tar").read_bytes()
    for size, left in ((4600, 4), (4608, 4), (100, 0), (0, 0)):  # a photo takes 1,024 bytes
        Path("shards/0.tar").write_bytes(whole[:size])
        *found, (name, last) = all_photos("shards/0.tar").items()
        assert (len(found), name) == (left, "shards/0.tar")
        assert last.startswith("shards/0.tar is cut short or damaged") and last.count(".") <= 3
    file = Path(table("p.parquet", {"image": [png("red")] * 8}, row_group_size=1))
    for damaged in (file.read_bytes()[:-9], file.read_bytes().replace(b"IHDR", b"XXXX", 1)[4:], b""):
        file.write_bytes(damaged)
        assert "p.parquet is no Parquet file, or is cut short" in all_photos("p.parquet")["p.parquet"]
        check_column(parts_of(["p.parquet"]), None)  # is told later, in the rows


@pytest.mark.parametrize("sources, words", [
    (["empty"], "there are no photos and no shards in empty"),
    (["a.tar.gz"], "a.tar.gz is a compressed tar, which no worker reads"),
    (["nowhere/*.tar"], "there are no photos and no shards"), (["no.txt"], "no.txt does not exist"),
    (["no.tar"], "no.tar does not exist"),
    (["nokind://a/b"], "nokind://a/b cannot be opened .Protocol not known: nokind"),
    (["s3://bucket/x"], "s3://bucket/x cannot be opened .Install s3fs"),
])  # fmt: skip
def test_what_cannot_be_given_is_one_sentence(here, sources, words):
    if "s3" in sources[0] and find_spec("s3fs"):
        pytest.skip("s3fs is installed, and would ask the network")
    Path("empty").mkdir()
    with pytest.raises((SettingError, DataError), match=words):
        parts_of(sources)
