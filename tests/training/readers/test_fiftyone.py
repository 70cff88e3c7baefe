"""FiftyOne's own export: a sample as its exporter writes it, whatever kind of field holds the captions."""

import json
import zipfile

import pytest
from PIL import Image

from runtime.errors import DataError
from training.commands.check import kind_of
from training.readers import read_captions
from training.readers.columns import Columns
from training.readers.questions import read_questions


def label(text: str) -> dict:
    return {"_id": {"$oid": "66"}, "_cls": "Classification", "tags": [], "label": text, "confidence": None}


BOX = {"_cls": "Detections", "detections": [{"_cls": "Detection", "label": "dog", "bounding_box": [0, 0, 1, 1]}]}
FIELDS = {
    "a string": ("a dog runs", ("a dog runs",)),
    "a list": (["a dog runs", "a brown dog"], ("a dog runs", "a brown dog")),
    "a label": (label("a dog runs"), ("a dog runs",)),
    "labels": (
        {"_cls": "Classifications", "classifications": [label("a dog runs"), label("a brown dog")]},
        ("a dog runs", "a brown dog"),
    ),
}


def sample(name: str, tags=(), **fields) -> dict:
    metadata = {"_cls": "ImageMetadata", "size_bytes": 9, "width": 4, "height": 4, "num_channels": 3}
    return {
        "_id": {"$oid": name}, "filepath": f"data/{name}", "tags": list(tags), "metadata": metadata,
        "_media_type": "image", "_rand": 0.5, "created_at": {"$date": "2026-01-01T00:00:00Z"}, **fields,
    }  # fmt: skip


@pytest.fixture
def export(tmp_path):
    """Write an export of these samples: its folder."""

    def write(*samples):
        for one in samples:
            photo = tmp_path / one["filepath"] if isinstance(one, dict) else tmp_path / "data/other.jpg"
            photo.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(photo)
        schema = [{"name": "caption", "ftype": "fiftyone.core.fields.StringField"}]
        (tmp_path / "metadata.json").write_text(json.dumps({"media_type": "image", "sample_fields": schema}))
        (tmp_path / "samples.json").write_text(json.dumps({"samples": samples}))
        return tmp_path

    return write


def by_name(data) -> dict:
    return {record.image.name: (record.split, record.captions) for record in data.records}


@pytest.mark.parametrize("kind", FIELDS)
def test_captions_in_a_field_of_each_kind(export, kind):
    value, texts = FIELDS[kind]
    folder = export(
        sample("a.jpg", caption=None, boxes=BOX),  # of the first sample nothing is known
        sample("b.jpg", caption=value, boxes=BOX),
        sample("c.jpg", ["good", "validation"], caption=value),
        sample("d.jpg", ["test"], caption=value, split="train"),
    )
    for path in (folder, folder / "samples.json"):
        data = read_captions(path)
        assert data.format == "table"
        assert by_name(data) == {"b.jpg": ("train", texts), "c.jpg": ("val", texts), "d.jpg": ("train", texts)}
        assert data.problems.counts["images have no captions"] == 1


def test_fields_of_other_names_and_questions(export):
    folder = export(
        sample("a.jpg", florence_1="a dog", florence_2=label("it runs"), question="what is it?", answer=label("dog")),
        sample("b.jpg", florence_1="a cat", question=["what?", "where?"], answer=BOX),
    )
    data = read_captions(folder, columns=Columns(captions=("florence_*",)))
    assert by_name(data) == {"a.jpg": ("train", ("a dog", "it runs")), "b.jpg": ("train", ("a cat",))}
    asked = [record for record in read_questions(folder).records if record.answers]
    assert [(record.question, record.answers) for record in asked] == [("what is it?", ("dog",))]


def test_in_a_zip(export):
    folder = export(*(sample(f"{name}.jpg", caption=f"a dog {name}") for name in "abcd"))
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for file in [*folder.glob("*.json"), *folder.glob("data/*")]:
            archive.write(file, f"mine/{file.relative_to(folder)}")
    assert [r.captions for r in read_captions(folder / "export.zip").records] == [(f"a dog {n}",) for n in "abcd"]
    assert kind_of((folder,), None, None) == "captions", "so `check` knows it"


@pytest.mark.parametrize("samples, words", [
    ([sample("a.jpg", ["train"], boxes=BOX)], "samples.json is FiftyOne's, and no field of its samples holds texts"),
    ([sample("a.jpg", said="a dog")], "samples.json has the columns image, said; say with --caption-column which"),
])  # fmt: skip
def test_an_export_without_captions_is_told_what_it_lacks(export, samples, words):
    folder = export(*samples)
    for read in (lambda: read_captions(folder), lambda: kind_of((folder,), None, None)):
        with pytest.raises(DataError, match=words) as caught:
            read()
        assert "\n" not in str(caught.value)


def test_a_damaged_export_is_one_sentence(export):
    folder = export(sample("a.jpg", caption="a dog"), "no sample", sample("b.jpg", caption=[3]))
    data = read_captions(folder)
    assert by_name(data) == {"a.jpg": ("train", ("a dog",))}
    assert data.problems.counts["rows are not a JSON object"] == data.problems.counts["images have no captions"] == 1
    text = (folder / "samples.json").read_text()
    for damaged, words in ((text[:-40], "is not valid JSON"), ('{"samples": 3}', "has no list of samples")):
        (folder / "samples.json").write_text(damaged)
        with pytest.raises(DataError, match=f"samples.json {words}"):
            read_captions(folder)
