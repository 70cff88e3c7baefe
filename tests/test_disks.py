"""Disks that really are full, or cannot be written: one sentence, nothing lost of what was there, and on it goes."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from captioner_toys import PRE, SIZES, VOCABULARY, small_captioner
from loop_toys import QUICK, Line, weights
from page_visit import opened
from toys import square

import captioner.model
import training.tasks.export
from captioner import Captioner
from captioner.__main__ import app
from encoders.cnn import ImageEncoder
from encoders.heatmap import save_picture
from page.site import Models, Site
from runtime.checkpoint import load_weights
from runtime.command import exit_status
from runtime.errors import GlimpseError
from training.caches.features import FeatureCache
from training.caches.photos import PhotoCache
from training.config.fit import FitSettings
from training.loop.fit import fit
from training.loop.report import report_status
from training.tasks.export import export_model
from training.workspace.workspace import Workspace

WHY = r"No space left|Read-only file system|no room|GB free"


class Disk:
    """A disk of 32 MB of its own."""

    def __init__(self, path: Path):
        self.path, self.ballast = path, path / "ballast"

    def mount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, "tmpfs", self.path, "-t", "tmpfs"], check=True, capture_output=True)

    def full(self) -> None:
        with self.ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def read_only(self) -> None:
        self.mount("remount,ro")

    def well(self) -> None:
        self.mount("remount,rw")
        self.ballast.unlink(missing_ok=True)

    def files(self) -> dict[str, bytes]:
        """All that is on it, but for locks and what we fill it with."""
        found = (path for path in self.path.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
        return {str(path.relative_to(self.path)): path.read_bytes() for path in found if path != self.ballast}


@pytest.fixture
def disk(tmp_path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    made.path.mkdir()
    try:
        made.mount("size=32m")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk of its own cannot be mounted here; root on Linux can")
    yield made
    subprocess.run(["umount", "-l", made.path], check=True)


@pytest.fixture(params=["full", "read_only"])
def trouble(request, disk):
    """Call it to get the disk into trouble."""
    return getattr(disk, request.param)


def refused(action) -> None:
    """That the action is refused in one sentence that says why."""
    with pytest.raises(GlimpseError, match=WHY) as told:
        action()
    assert "\n" not in str(told.value) and str(told.value).endswith((".", "--cache", "OUT"))


@pytest.fixture
def workspace(disk, tmp_path) -> Workspace:
    return Workspace(disk.path / "w", None, {"captioner": str(tmp_path / "model"), "vqa": "none"})


def test_a_workspace(disk, trouble, workspace, tmp_path):
    kept, red, blue = workspace.corrections, square("red", "left"), square("blue", "right")
    kept.add_caption(red, "a red square")
    kept.add_answer(red, "which side?", "left")
    (tmp_path / "data").mkdir()
    blue.resize((300, 300)).save(tmp_path / "data" / "photo.bmp")
    zipped = shutil.make_archive(str(tmp_path / "data"), "zip", tmp_path / "data")
    before = disk.files()
    trouble()
    refused(lambda: kept.add_caption(blue, "a blue square"))
    refused(lambda: kept.add_caption(red, "a red square on the left"))
    refused(lambda: kept.add_answer(red, "which side?", "right"))
    refused(lambda: workspace.data_sets.add(zipped))
    refused(lambda: workspace.runs.start("captioner", tmp_path / "data", epochs=1))
    assert disk.files() == before and len(kept) == 2 and workspace.runs.list() == []
    disk.well()
    kept.add_caption(blue, "a blue square")
    assert len(kept) == 3 and workspace.data_sets.add(zipped).is_dir()


def test_a_cache(disk, trouble, tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(8)]
    for n, path in enumerate(paths):
        square("red", "left", n).save(path)
    torch.manual_seed(0)
    encoder = ImageEncoder("compact", image_size=32).eval()
    caches = [
        lambda: FeatureCache(paths, encoder, PRE, disk.path / "c"),
        lambda: PhotoCache(paths, PRE, disk.path / "c"),
    ]
    assert len([list(cache().fill()) for cache in caches[:1]]) == 1  # one is there, one is not
    before = disk.files()
    trouble()
    assert caches[0]()[[0, 7]].shape[0] == 2, "what is there is read"
    refused(lambda: list(caches[1]().fill()))
    refused(lambda: list(FeatureCache(paths[:7], encoder, PRE, disk.path / "c").fill()))
    assert disk.files() == before
    disk.well()
    assert list(caches[1]().fill())[-1] == 8


def test_the_out_of_a_run(disk, trouble):
    whole, rest, often = Line(), Line(), FitSettings(**QUICK, save_minutes=0)
    list(fit(whole, often, disk.path / "whole"))
    run, out = fit(Line(), often, disk.path / "run"), disk.path / "run"
    for _ in range(2):
        next(run)
    state = (out / "resume.pt").read_bytes()
    trouble()
    refused(lambda: list(run))
    assert (out / "resume.pt").read_bytes() == state and not list(out.glob(".*writing"))

    def begin():
        with report_status(disk.path / "new"):
            pytest.fail("it began")

    refused(begin)
    refused(lambda: list(fit(Line(), often, out, resume=True)))
    disk.well()
    list(fit(rest, often, out, resume=True))
    assert torch.equal(weights(whole), weights(rest))


def test_a_model_and_its_graphs(disk, trouble, tmp_path, monkeypatch):
    monkeypatch.setattr(training.tasks.export, "TOLERANCE", 1.0)
    made = Captioner.build(ImageEncoder("tiny", image_size=32), VOCABULARY, PRE, SIZES)
    model = made.save(disk.path / "model")
    exported, _ = export_model(model, disk.path / "exported", [square("red", "left")])
    before = disk.files()
    trouble()
    for action in (
        lambda: made.save(disk.path / "model"),
        lambda: made.save(disk.path / "new"),
        lambda: export_model(model, None, [square("red", "left")]),
        lambda: export_model(model, exported, [square("red", "left")]),
        lambda: export_model(model, disk.path / "copy", [square("red", "left")]),
    ):
        refused(action)
    assert disk.files() == before
    disk.well()
    load_weights(made.save(disk.path / "new"), made.network)
    assert export_model(model, disk.path / "copy", [square("red", "left")])[0].is_dir()
    assert not list(disk.path.glob(".*")), "nothing half made is left"


@pytest.fixture
def caption(tmp_path, monkeypatch, capsys):
    """`python -m captioner` on twelve photos: (status, what it says on standard error)."""
    made, load = small_captioner().save(tmp_path / "model"), captioner.model.load
    loaded = load(made, engine="torch")
    monkeypatch.setattr(captioner.model, "load", lambda *_, **how: loaded)
    (tmp_path / "photos").mkdir()
    for n in range(12):  # whose lines do not fit into what is left of a block
        square("red", "left", n).save(tmp_path / "photos" / f"{n}.png")

    def call(*options) -> tuple[int, str]:
        photos = [] if "--attention" in options else [str(tmp_path / "photos")]
        monkeypatch.setattr(sys, "argv", ["captioner", *photos, *map(str, options), "--model", str(made)])
        return exit_status(app), capsys.readouterr().err

    return call


def test_captions_of_a_folder(disk, trouble, caption, tmp_path):
    out, look = disk.path / "said.jsonl", disk.path / "look.png"
    first = tmp_path / "photos" / "0.png"
    assert caption("--out", out)[0] == 0
    whole = out.read_text().splitlines(keepends=True)
    out.write_text(whole[0])
    save_picture(square("red", "left"), look)
    before = disk.files()
    trouble()
    for options in (["--out", out], [first, "--attention", look]):
        status, said = caption(*options)
        assert status == 2 and said.count("error: ") == 1 and "Traceback" not in said
    written = disk.files()
    assert written.pop("look.png") == before["look.png"] and out.read_text().startswith(whole[0])
    assert out.read_text().splitlines(keepends=True) == whole[: out.read_text().count("\n")], "only whole lines"
    disk.well()
    assert caption("--out", out)[0] == 0 and out.read_text() == "".join(whole)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, in Gradio
def test_the_page(disk, trouble, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(disk.path / "uploads"))
    photo = tmp_path / "photo.png"
    square("red", "left").save(photo)
    with opened(Site(Models(small_captioner()), disk.path / "w")) as visit:
        monkeypatch.setattr(visit.blocks.app, "uploaded_file_dir", str(disk.path / "uploads"))
        upload = visit.upload(photo)
        visit.call("look", upload, "Search", 1, 1.0, 0, 1.0, 1, 3)
        visit.call("save", None, "a red square")
        trouble()
        with pytest.raises(AssertionError, match=WHY):
            visit.call("save", None, "a square")
        square("blue", "left").save(photo)
        with photo.open("rb") as file:
            sent = visit.client.post("/gradio_api/upload", files={"files": ("photo.png", file)})
        assert (sent.status_code, "room for this upload" in sent.json()["detail"]) == (507, True)
        disk.well()
        visit.call("save", None, "a square")
        visit.call("look", visit.upload(photo), "Search", 1, 1.0, 0, 1.0, 1, 3)
        assert len(visit.site.storage.corrections) == 2
