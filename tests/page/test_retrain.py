"""Every choice of the Retrain tab, through the page; nothing is trained, the commands that would are looked at."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from captioner_toys import small_captioner
from page_visit import Visit, opened
from toys import coco_folder
from vqa_toys import small_answerer

import captioner
from page.site import Models, Site
from page.watch import curves
from runtime.bundled import resolve_model
from runtime.errors import DataError
from training.loop.status import Status, write_status
from training.workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, in Gradio


class Training(subprocess.Popen):
    """What runs in a training's place: it sleeps."""

    started: tuple["Training", ...] = ()

    def __init__(self, command, **options):
        super().__init__([sys.executable, "-S", "-c", "import time; time.sleep(600)"], **options)
        self.command = command[1:]
        Training.started += (self,)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A data root, and the folders of the models that the page begins with."""
    place = tmp_path_factory.mktemp("retrain")
    for folder in ("root/squares", "captioner", "vqa"):
        (place / folder).mkdir(parents=True)
    return place


@pytest.fixture(scope="module")
def shared(place):
    """The page of all tests."""
    initial_models = {kind: str(place / kind) for kind in ("captioner", "vqa")}
    models = Models(small_captioner(), small_answerer())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(place / "uploads"))
        with opened(Site(models, place / "workspace", True, True, place / "root", initial_models)) as visit:
            yield visit


@pytest.fixture
def visit(shared, monkeypatch, request):
    """A new visitor of the page with its first models; its runs sleep, and end with the test."""
    monkeypatch.setattr(subprocess, "Popen", Training)
    monkeypatch.setattr(Training, "started", ())
    models = shared.site.models
    monkeypatch.setattr(models, "captioner", models.captioner)  # to be put back
    monkeypatch.setattr(models, "answerer", models.answerer)
    visit = Visit(shared.client, shared.blocks, shared.site)
    visit.session = request.node.name
    yield visit
    for training in Training.started:
        training.kill()
        training.wait()


def started_run(
    visit,
    kind="captioner",
    data="squares",
    begin="given",
    anyway=False,
    epochs=3,
    rate=0.01,
    count=2,
    tune=False,
    columns="",
):
    """The options of the run that the Train button begins, by name, and the run's own name."""
    visit.call("choices", kind)
    run = visit.call("train", kind, data, columns, begin, anyway, epochs, rate, count, tune)[0]
    *_, training = Training.started
    assert training.command[:3] == ["-m", "training", kind] and run["visible"] is True
    options, words = {}, training.command[3:]
    while words:
        name = words.pop(0)
        options[name] = words.pop(0) if words and not words[0].startswith("--") else True
    return options, run["value"]


@pytest.mark.parametrize("kind", ["captioner", "vqa"])
@pytest.mark.parametrize("begin", ["given", "new"])
def test_a_run_begins_as_chosen(visit, place, kind, begin):
    options, name = started_run(visit, kind, begin=begin)
    assert options["--data"] == str(place / "root" / "squares") and Path(options["--out"]).name == name
    assert options.get("--start-from") == (str(place / kind) if begin == "given" else None)
    bundled = str(resolve_model(captioner.BUNDLED)) if (kind, begin) == ("captioner", "new") else None
    assert options.get("--encoder-weights") == bundled
    about = json.loads((place / "workspace" / "runs" / name / "run.json").read_text())
    assert about["kind"] == kind and visit.site.storage.runs.get(name).state == "running"


@pytest.mark.parametrize("choice, option", [
    ({"epochs": 7}, {"--epochs": "7"}), ({"rate": 0.5}, {"--learning-rate": "0.5"}),
    ({"tune": True}, {"--finetune-encoder": True}), ({"tune": False}, {"--finetune-encoder": None}),
    ({"anyway": True}, {"--anyway": True}), ({"anyway": False}, {"--anyway": None}),
    ({"count": 6}, {"--min-count": "6", "--min-answers": None}),
    ({"columns": "--image-column 'a b' --split-column c"}, {"--image-column": "a b", "--split-column": "c"}),
    ({"columns": '--caption-column "said_*"'}, {"--caption-column": "said_*"}),
    ({"kind": "vqa", "count": 5}, {"--min-count": "5", "--min-answers": "5"}),
])  # fmt: skip
def test_each_control_is_an_option(visit, choice, option):
    options, _ = started_run(visit, **choice)
    assert {name: options.get(name) for name in option} == option


@pytest.mark.parametrize("choice, sentence", [
    ({"epochs": None}, "Epochs is empty; give a number."), ({"rate": None}, "Learning rate is empty; give a number."),
    ({"rate": ""}, "Learning rate is empty"), ({"rate": "nan"}, "Learning rate is 'nan'; give a number."),
    ({"epochs": -3}, "Epochs is -3; choose 1 to 50."), ({"epochs": 51}, "Epochs is 51; choose 1 to 50."),
    ({"count": None}, "New words is empty; give a number."), ({"count": []}, r"New words is \[\]; give a number."),
])  # fmt: skip
def test_a_number_that_is_none_or_out_of_range_is_told_by_its_name(visit, choice, sentence):
    with pytest.raises(AssertionError, match=sentence):
        started_run(visit, **choice)
    assert not Training.started


def test_a_run_is_watched_stopped_resumed_and_built_on(visit, place):
    _, name = started_run(visit)
    with pytest.raises(AssertionError, match=f"{name} is being trained; stop it"):
        started_run(visit)
    assert visit.call("refresh")[2]["value"] == name  # a page that is opened now shows it
    assert visit.call("view", name)[0]["visible"] is True
    visit.call("stop_it", name)
    Training.started[0].wait()
    assert visit.site.storage.runs.get(name).state == "stopped"
    visit.call("resume_it", name)
    first, second = (training.command for training in Training.started)
    assert second == first and visit.site.storage.runs.get(name).state == "running"
    with pytest.raises(AssertionError, match="has no model yet"):
        visit.call("pack", name)
    Training.started[-1].kill()
    Training.started[-1].wait()
    small_captioner().save(place / "workspace" / "runs" / name / "best")
    write_status(place / "workspace" / "runs" / name, Status("done", 1, 0.0))
    assert name in [value for _, value in visit.call("choices", "captioner")[1]["choices"]]
    visit.call("swap", name)
    assert visit.site.models.captioner.network is not None and visit.call("pack", name)[0]["orig_name"] == f"{name}.zip"
    options, other = started_run(visit, begin=name)
    assert Path(options["--start-from"]).parts[-2:] == (name, "best") and other != name


def test_an_uploaded_zip_is_a_data_set(visit, tmp_path):
    folder = coco_folder(tmp_path / "mine", copies=1)
    with zipfile.ZipFile(tmp_path / "my squares.zip", "w") as packed:
        for file in filter(Path.is_file, folder.rglob("*")):
            packed.write(file, file.relative_to(tmp_path))
    data = visit.call("unpack_upload", "captioner", visit.upload(tmp_path / "my squares.zip"))[0]["value"]
    assert Path(data).name == "my-squares" and started_run(visit, data=data)[0]["--data"] == data
    with pytest.raises(AssertionError, match="there is no zip yet"):
        visit.call("unpack_upload", "captioner", None)


@pytest.mark.parametrize("data", ["/etc", "../vqa", "", None, "a\0b"])
def test_nothing_else_is_trained_on(visit, data):
    with pytest.raises(AssertionError, match=r"is not among the data sets of this page|there is no data set yet"):
        started_run(visit, data=data)
    assert Training.started == ()


@pytest.mark.parametrize(
    "columns", ["--anyway", "photo", "--image-column", "--image-column --out", "--out /", "--split-column 'a"]
)
def test_nothing_but_columns_can_be_typed_there(visit, columns):
    with pytest.raises(
        AssertionError, match=r"names no column; write --image-column NAME|has a quote that is not closed"
    ):
        started_run(visit, columns=columns)
    assert Training.started == ()


def test_the_check_has_the_choices_and_tells_what_is_wrong(visit, monkeypatch):
    def check(self, kind, data, begin, *, columns, count, tune):
        asked.append((kind, data, columns, begin, count, tune))
        raise DataError("it is <all> wrong.")

    asked = []
    monkeypatch.setattr(Workspace, "check", check)
    visit.call("choices", "vqa")
    report, _, start = visit.call("check", "vqa", "squares", "--image-column a", "new", 4, True)
    assert "Looking through" in report and "interactive" not in start  # Train stays as it was
    assert asked == [("vqa", "squares", "--image-column a", "new", 4, True)]
    report, _, start = visit.call("check", "vqa", None, "", "new", 4, True)
    assert "Choose a data set" in report and start["interactive"] is False and len(asked) == 1


@pytest.mark.parametrize("name", ["captioner-9", "../captioner", None, ""])
def test_a_run_that_is_not_there_is_told_so(visit, name):
    for event in ("swap", "pack", "stop_it", "resume_it"):
        with pytest.raises(AssertionError, match=r"there is no run|not in the list of choices"):
            visit.call(event, name)


def test_a_chart_is_shown_once_it_has_two_points_to_join():
    run = SimpleNamespace(about={"kind": "captioner"})
    one = SimpleNamespace(losses=[(1, 5.0), (2, 4.0)], scores=[{"epoch": 1, "cider": 30.0}])
    two = SimpleNamespace(losses=one.losses[:1], scores=[*one.scores, {"epoch": 2, "cider": 40.0}])
    assert [plot["visible"] for plot in curves(run, one)] == [True, False]
    assert [plot["visible"] for plot in curves(run, two)] == [False, True]
    assert curves(run, two)[1]["value"]["score"].tolist() == [30.0, 40.0]
