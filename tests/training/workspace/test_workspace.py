"""The page's workspace: which data may be trained on, what a run can begin with, and how data are checked."""

import json
import multiprocessing
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
from captioner_toys import small_captioner
from toys import coco_folder, square

from runtime.errors import DataError, SettingError
from training.checks.check import check
from training.checks.report import Report
from training.loop.status import Status, write_status
from training.readers import read_captions
from training.workspace.corrections import Corrections
from training.workspace.data_sets import DataSets, parse_report, run_check
from training.workspace.run import Run
from training.workspace.workspace import NEW, PAGE_MODEL, Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    for folder in ("root/dogs", "root/.hidden", "work/data/cats", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "root" / "notes.txt").write_text("no folder")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    initial_models = {"captioner": str(small_captioner().save(tmp_path / "model")), "vqa": "nowhere"}
    return Workspace(tmp_path / "work", tmp_path / "root", initial_models)


def test_data_sets_are_folders_of_the_root_uploads_and_corrections(workspace, tmp_path):
    assert [name for name, _ in workspace.data_sets.list("vqa")] == ["dogs", "link", "cats"]
    workspace.corrections.add_caption(square("red", "left"), "a red square")
    *_, (label, path) = workspace.data_sets.list("captioner")
    assert label == "The corrections made on this page (1)"
    assert workspace.data_sets.find(path) == workspace.corrections.captions_folder.resolve()
    assert len(workspace.data_sets.list("vqa")) == 3
    bare = Workspace(tmp_path / "new", None, workspace.initial_models)
    assert bare.data_sets.list("captioner") == [] and not (tmp_path / "new").exists()


@pytest.mark.parametrize("inside", ["dogs", "{root}/dogs", "{work}/data/cats"])
def test_a_data_set_is_found_by_name_or_path(workspace, inside):
    initial_models = inside.format(root=workspace.data_root, work=workspace.folder)
    assert workspace.data_sets.find(initial_models).name == initial_models[-4:]


@pytest.mark.parametrize("outside", ["/etc", "../elsewhere", "link", "dogs/../../elsewhere", "{work}", "{work}/runs"])
def test_nothing_else_may_be_trained_on(workspace, outside):
    with pytest.raises(SettingError, match="is not among the data sets of this page"):
        workspace.data_sets.find(outside.format(work=workspace.folder))


@pytest.mark.parametrize("nothing", [None, "", "dogs\0"])
def test_no_data_set_is_a_sentence(workspace, nothing):
    with pytest.raises(SettingError, match="there is no data set yet"):
        workspace.data_sets.find(nothing)


def test_an_uploaded_zip_takes_the_next_free_name(workspace, tmp_path):
    with zipfile.ZipFile(tmp_path / "my cats!.zip", "w") as archive:
        archive.writestr("captions.csv", "image,caption\n")
    names = [workspace.data_sets.add(tmp_path / "my cats!.zip").name for _ in range(2)]
    assert names == ["my-cats", "my-cats-2"]
    assert {"my-cats", "my-cats-2"} < {name for name, _ in workspace.data_sets.list("captioner")}


def _add(folder: Path, file: Path, ready) -> None:
    """In a process of its own."""
    data_sets = DataSets(folder, Corrections(folder / "corrections"))
    ready.wait()
    for _ in range(5):
        data_sets.add(file)


def test_two_servers_that_unpack_at_once_take_names_of_their_own(tmp_path):
    with zipfile.ZipFile(tmp_path / "cats.zip", "w") as archive:
        for n in range(20):
            archive.writestr(f"{n}.txt", "a cat")
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["training.workspace.data_sets"])
    ready = processes.Barrier(2)
    both = [processes.Process(target=_add, args=(tmp_path / "data", tmp_path / "cats.zip", ready)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    made = [folder for folder in (tmp_path / "data").iterdir() if folder.is_dir()]
    assert len(made) == 10 and all(len(list(folder.iterdir())) == 20 for folder in made)


def test_a_run_begins_with_the_pages_model_an_earlier_run_or_nothing(workspace, tmp_path, monkeypatch):
    model = small_captioner().save(tmp_path / "work" / "runs" / "captioner-1" / "best")
    run = Run(model.parent)
    about = {"kind": "captioner", "began": 1, "pid": None, "process_started": None, "stop_asked": None}
    (run.folder / "run.json").write_text(json.dumps(about))
    write_status(run.folder, Status("done", 1, 0.0))
    assert [value for _, value in workspace.start_points("captioner")] == [PAGE_MODEL, "captioner-1", NEW]
    assert workspace.start_points("captioner")[0][0] == "The model this page began with"
    assert [value for _, value in workspace.start_points("vqa")] == [NEW]  # its model is not there
    assert workspace.options("captioner", PAGE_MODEL) == {"start_from": str(tmp_path / "model")}
    assert workspace.options("captioner", "captioner-1") == {"start_from": run.model}
    assert Path(workspace.options("captioner", NEW)["encoder_weights"]).is_dir() and workspace.options("vqa", NEW) == {}
    with pytest.raises(SettingError, match="there is no run"):
        workspace.options("captioner", "../elsewhere")


def test_a_report_survives_json(tmp_path):
    found = read_captions(coco_folder(tmp_path, copies=1))
    *_, report = check(found, small_captioner())
    assert isinstance(report, Report)
    assert parse_report(json.dumps({"data": ["x"], **asdict(report)})) == report


def test_what_a_check_refuses_is_its_sentence(tmp_path):
    with pytest.raises(DataError, match="is no data set of captions that is known") as error:
        run_check(tmp_path, "captioner", None, count=1, tune=False)
    assert "error:" not in str(error.value) and "\n" not in str(error.value)


def test_a_check_that_dies_without_a_word_is_a_sentence_too(tmp_path, monkeypatch):
    monkeypatch.setattr("training.workspace.data_sets.sys.executable", "false")
    with pytest.raises(DataError, match="cannot be checked; run `python -m training check`"):
        run_check(tmp_path, "captioner", None, count=1, tune=False)


@pytest.mark.parametrize("kind", ["captioner", "vqa"])
@pytest.mark.parametrize("begin", ["given", "run", "new"])
@pytest.mark.parametrize("tune", [False, True])
def test_every_choice_of_starting_a_run_is_recorded(workspace, tmp_path, monkeypatch, kind, begin, tune):
    workspace.initial_models["vqa"] = workspace.initial_models["captioner"]  # any folder: nothing is trained here
    earlier = Run(tmp_path / "work" / "runs" / f"{kind}-1")
    shutil.copytree(tmp_path / "model", earlier.folder / "best")
    about = {"kind": kind, "began": 1, "pid": None, "process_started": None, "stop_asked": None}
    (earlier.folder / "run.json").write_text(json.dumps(about))
    write_status(earlier.folder, Status("done", 1, 0.0))
    value = {"given": PAGE_MODEL, "run": earlier.name, "new": NEW}[begin]
    assert value in [value for _, value in workspace.start_points(kind)]
    monkeypatch.setattr("training.workspace.runs.sys.executable", "/bin/echo")
    run = workspace.runs.start(
        kind, tmp_path / "root" / "dogs", epochs=1, learning_rate=0.1, min_count=2, finetune_encoder=tune, anyway=False,
        **workspace.options(kind, value),
    )  # fmt: skip
    for child in workspace.runs._children.values():
        child.wait()
    assert run.about["kind"] == kind and run.about["pid"] and run in workspace.runs.list()
    command = run.about["command"]
    assert ("--start-from" in command) == (begin != "new") and ("--finetune-encoder" in command) == tune
    assert ("--encoder-weights" in command) == ((kind, begin) == ("captioner", "new"))
