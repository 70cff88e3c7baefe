"""What counts as an upload of this server."""

import os
import tempfile
from pathlib import Path

import gradio as gr
import pytest

from page.uploads import NOT_UPLOADED, accept_only_uploads, require_upload, upload_folder
from runtime.errors import PhotoError


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    """The upload folder, with one upload, a link out of it and a folder in it."""
    folder = tmp_path / "uploads"
    (folder / "ab12").mkdir(parents=True)
    (folder / "ab12" / "x.png").touch()
    (tmp_path / "outside.png").touch()
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


def test_a_file_in_the_upload_folder(uploads):
    assert require_upload(str(uploads / "ab12" / "x.png")) == str(uploads / "ab12" / "x.png")


@pytest.mark.parametrize("path", [
    None, 3, [], "", "x.png", "/etc/passwd", "/dev/zero", "{uploads}", "{uploads}/ab12", "{uploads}/link.png",
    "{uploads}/loop.png", "{uploads}/pipe.png",
    "{uploads}/none.png", "{uploads}/../outside.png", "a\0b", "x" * 5000, "http://127.0.0.1/x.png",
])  # fmt: skip
def test_all_else_is_refused_alike(path, uploads):
    path = path.replace("{uploads}", str(uploads)) if isinstance(path, str) else path
    with pytest.raises(PhotoError) as error:
        require_upload(path)
    assert str(error.value) == NOT_UPLOADED


@pytest.mark.parametrize("component, several", [(gr.File, True), (gr.File, False), (gr.UploadButton, True)])
def test_a_component_takes_uploads_only(component, several, uploads, tmp_path):
    made = component(file_count="multiple" if several else "single", type="filepath")
    accept_only_uploads(made)

    def payload(path):
        return made.data_model.model_validate([{"path": str(path)}]) if several else gr.FileData(path=str(path))

    good = str(uploads / "ab12" / "x.png")
    assert made.preprocess(payload(good)) == ([good] if several else good) and made.preprocess(None) is None
    with pytest.raises(gr.Error, match="no uploaded file"):
        made.preprocess(payload(tmp_path / "outside.png"))


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody is told of another process's files")
def test_what_was_uploaded_to_a_server_that_was_killed_goes_when_the_next_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("glimpse-killed", "glimpse-nobodys", "glimpse-linked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo.jpg").write_text("")
    (tmp_path / ".glimpse-killed.held").write_text("")
    (tmp_path / ".glimpse-linked.held").symlink_to(tmp_path / "glimpse-nobodys" / "photo.jpg")
    with upload_folder() as first, upload_folder() as second:
        stay = {Path(folder).name for folder in (first, second)} | {"glimpse-nobodys", "glimpse-linked"}
        assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == stay, "one that runs keeps its own"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".glimpse-linked.held",
        "glimpse-linked",
        "glimpse-nobodys",
    ]
