"""Albums: every photo gets a caption or a reason, and the three files say the same and can be read again."""

import csv
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from captioner_toys import small_captioner
from toys import COLOURS, SIDES, square

from captioner import SearchSettings
from captioner.album import Entry, album, photos_in, uploaded_album, write_coco, write_csv, write_jsonl
from captioner.caption import Caption, Word
from runtime.archive import ArchiveLimits
from runtime.errors import DataError, SettingError
from training.readers import read_captions


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eight photos, in two folders, and a file that is none."""
    folder = tmp_path_factory.mktemp("album")
    for side in SIDES:
        (folder / side).mkdir()
        for colour in COLOURS:
            square(colour, side).save(folder / side / f"{colour}.png")
    (folder / "left" / "broken.jpg").write_text("not a photo")
    (folder / "right" / "red.png").rename(folder / "right" / "red.JFIF")  # a photo whatever its name
    (folder / "right" / "._red.png").write_bytes(b"what macOS puts beside a file")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.fixture(scope="module")
def entries(folder) -> list[Entry]:
    return list(album(small_captioner(), photos_in([folder]), root=folder))


def caption(text: str) -> Caption:
    return Caption(text, tuple(Word(word, 0.5) for word in text.split()), -1.0, attention=None)


def test_photos_are_told_by_their_content_and_linked_folders_are_entered(tmp_path):
    for name in ("album/IMG.JFIF", "album/photo", "elsewhere/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        square("red", "left").save(tmp_path / name, "JPEG")
    (tmp_path / "album" / "._b.jpg").write_bytes(b"what macOS knows of b.jpg")
    (tmp_path / "album" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path / "album")
    entries = album(small_captioner(), photos_in([tmp_path / "album"]), root=tmp_path / "album")
    assert [(entry.name, entry.error) for entry in entries] == [
        ("IMG.JFIF", None), ("linked/b.jpg", None), ("photo", None),
    ]  # fmt: skip


def test_every_photo_is_there_in_order_with_what_the_captioner_says_of_it(folder, entries):
    model = small_captioner()
    assert [entry.path for entry in entries] == photos_in([folder])
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    for entry in entries:
        assert (entry.caption is None) == (entry.name == "left/broken.jpg")
        assert entry.caption is None or entry.caption.text == model(entry.path).text
    assert len({entry.caption.text for entry in entries if entry.caption}) > 1


def test_a_bad_file_is_named_as_people_know_it(folder, entries):
    (bad,) = [entry for entry in entries if entry.error]
    assert bad.error.startswith("left/broken.jpg is not a picture of a known kind, whatever its name says")
    assert str(folder) not in bad.error


def test_photos_are_named_by_their_file_alone_outside_the_root(folder):
    photo = folder / "left" / "red.png"
    for root in (None, folder / "right"):
        assert [entry.name for entry in album(small_captioner(), [photo], root=root)] == ["red.png"]


def test_the_settings_are_the_search_s(folder):
    photo = folder / "left" / "red.png"
    (entry,) = album(small_captioner(), [photo], SearchSettings(beam=2, n=2, max_length=3))
    assert len(entry.caption.alternatives) == 1 and len(entry.caption.words) <= 3


def test_json_lines_say_what_the_command_line_says(entries, tmp_path):
    write_jsonl(entries, tmp_path / "album.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "album.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [entry.to_json() for entry in entries]
    bad, good = lines[1], lines[2]
    assert bad == {"image": "left/broken.jpg", "error": entries[1].error}
    assert good == {"image": "left/green.png", **entries[2].caption.to_json()}


def test_the_table_has_a_row_for_each_photo(entries, tmp_path):
    write_csv(entries, tmp_path / "album.csv")
    with (tmp_path / "album.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [entry.name for entry in entries]
    for row, entry in zip(rows, entries, strict=True):
        assert row["caption"] == (entry.caption.text if entry.caption else "") and row["error"] == (entry.error or "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_of_the_table_is_a_formula(tmp_path, start):
    name = f'{start}HYPERLINK("http://x")|a, b.jpg'
    entries = [Entry(name, Path(name), caption("a dog"), None), Entry(name, Path(name), None, f"{name} is damaged.")]
    write_csv(entries, tmp_path / "album.csv")
    with (tmp_path / "album.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in list(csv.reader(file))[1:]:
            assert row[0] == f"'{name}" and not any(cell.startswith(start) for cell in row)


@pytest.mark.parametrize("write", [write_csv, write_jsonl])
def test_tables_of_captions_are_no_data_to_learn_from(entries, tmp_path, write):
    write(entries, tmp_path / {write_csv: "captions.csv", write_jsonl: "captions.jsonl"}[write])
    with pytest.raises(DataError, match="is what a model said, and nothing to learn from"):
        read_captions(tmp_path)


def test_the_coco_file_is_a_data_set_that_training_reads(folder, entries, tmp_path):
    write_coco(entries, tmp_path / "captions.json")
    for entry in entries:
        if entry.caption:
            (tmp_path / "photos" / entry.name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "photos" / entry.name).write_bytes(entry.path.read_bytes())
    read = read_captions(tmp_path)
    captions = {record.image.relative_to(tmp_path / "photos").as_posix(): record.captions for record in read.records}
    assert captions == {entry.name: (entry.caption.text,) for entry in entries if entry.caption}


def test_coco_holds_photos_of_any_name_and_no_bad_ones(tmp_path):
    entries = [Entry("é\ud800.jpg".encode("utf-8", "replace").decode(), Path("x"), caption("a dog"), None),
               Entry("bad.jpg", Path("y"), None, "bad.jpg is empty.")]  # fmt: skip
    write_coco(entries, tmp_path / "captions.json")
    content = json.loads((tmp_path / "captions.json").read_text(encoding="utf-8"))
    assert content["images"] == [{"id": 1, "file_name": "é?.jpg"}]
    assert content["annotations"] == [{"id": 1, "image_id": 1, "caption": "a dog"}]


def test_photos_in_a_zip_or_tar_are_captioned_where_they_are(tmp_path, folder):
    names = ["left/blue.png", "left/broken.jpg", "right/green.png", "notes.txt"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed, tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in names:
            packed.write(folder / name, name)
            tar.add(folder / name, name)
    loose = list(album(small_captioner(), [folder / name for name in names[:3]]))
    for archive in (tmp_path / "a.zip", tmp_path / "a.tar"):
        found = list(album(small_captioner(), photos_in([archive])))
        assert [(e.name, e.caption and e.caption.text, e.error) for e in found] == [
            (e.name, e.caption and e.caption.text, e.error) for e in loose
        ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "a.zip"]


def test_a_folder_without_photos_is_one_sentence(tmp_path):
    with pytest.raises(SettingError, match="there are no photos in"):
        photos_in([tmp_path])


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Two photos, a file that is none, and a zip of the same."""
    given = tmp_path / "given"
    given.mkdir()
    for colour in list(COLOURS)[:2]:
        square(colour, "left").save(given / f"{colour}.png")
    (given / "bad.png").write_text("no")
    with zipfile.ZipFile(given / "trip.ZIP", "w") as archive:
        for path in given.glob("*.png"):
            archive.write(path, f"trip/day/{path.name}")
        archive.writestr("trip/notes.txt", "no photo")
    return sorted(given.iterdir())


def test_what_is_uploaded_goes_on_past_a_bad_file(files, tmp_path):
    total, stream = uploaded_album(small_captioner(), map(str, files), tmp_path / "scratch")
    entries = list(stream)
    zipped = ["day/bad.png", "day/green.png", "day/red.png"]
    assert total == 6 and [entry.name for entry in entries] == [*zipped, "bad.png", "green.png", "red.png"]
    assert [bool(entry.error) for entry in entries] == 2 * [True, False, False]


def test_too_many_photos_and_bad_zips_are_one_sentence(files, tmp_path):
    with pytest.raises(SettingError, match="6 photos are too many at once; give at most 5"):
        uploaded_album(small_captioner(), files, tmp_path / "scratch", limits=ArchiveLimits(members=5))
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil.png", "x")
    with pytest.raises(DataError, match="leads out of its folder"):
        uploaded_album(small_captioner(), [tmp_path / "evil.zip"], tmp_path / "new")
    assert not (tmp_path / "new" / "0").exists()
