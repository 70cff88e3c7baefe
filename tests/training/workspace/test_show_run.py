"""What the page shows of a check and of a run, as HTML: the facts, and nothing that a file's name could smuggle in."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from captioner_toys import small_captioner
from toys import coco_folder, square

from training.checks.check import check
from training.checks.report import Skipped
from training.checks.show import duration, facts
from training.readers import read_captions
from training.workspace.run import Progress
from training.workspace.show_run import check_html, samples_html, scores_html, status_html, thumbnail


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    found = read_captions(coco_folder(tmp_path_factory.mktemp("coco"), copies=1))
    *_, report = check(found, small_captioner())
    return report


def run_of(state: str, **more) -> SimpleNamespace:
    return SimpleNamespace(name="captioner-1", state=state, error=None, about={"data": "/data/<b>dogs"}, **more)


def test_a_check_is_the_same_facts_as_on_the_command_line(report):
    page = check_html(report)
    for label, text in {"Format": "coco", **facts(report)}.items():
        assert f"<tr><th>{label}</th><td>{text}</td></tr>" in page
    assert "24: train 8, val 8, test 8" in page and "training can begin" in page and "class='wrong'" not in page


def test_what_stops_training_is_said_and_nothing_is_markup(report):
    bad = replace(report, left_out={"lines are bad": Skipped(1_200, ("<script>", "b"))}, stops=("no <val> photo.",))
    page = check_html(bad)
    assert "<td>1,200 lines are bad, such as &lt;script&gt;, b</td>" in page
    assert "<p class='wrong'>no &lt;val&gt; photo.</p>" in page and "training can begin" not in page


@pytest.mark.parametrize(("state", "now", "text", "width"), [
    ("running", Progress(epochs=3), "is getting ready", "0.0"),
    ("running", Progress(2, 4, 5, 10, left=30), "is training: epoch 2 of 4, step 5 of 10, 30 s left", "37.5"),
    ("running", Progress(4, 4, 10, 10), "is being scored", "100.0"),
    ("stopped", Progress(2, 4, 5, 10), "was stopped after epoch 2 of 4", "37.5"),
    ("done", Progress(4, 4, 10, 10), "is done after epoch 4 of 4", None),
    ("failed", Progress(epochs=4), "failed before its first epoch", None),
])  # fmt: skip
def test_a_run_says_how_it_is_doing(state, now, text, width):
    page = status_html(run_of(state), now)
    assert f"<b>captioner-1</b>, on &lt;b&gt;dogs, {text}.</p>" in page
    assert (f"width: {width}%" in page) if width else ("class='bar'" not in page)


def test_a_failure_and_alarms_are_sentences():
    run = run_of("failed")
    run.error = "no <disk>."
    page = status_html(run, Progress(alarms=["it says the same of all photos."]))
    assert page.count("class='wrong'") == 2 and "no &lt;disk&gt;." in page and "of all photos." in page


def test_photos_are_shown_as_they_were_described_epoch_by_epoch(tmp_path):
    square("red", "left").save(tmp_path / "red.png")
    image = str(tmp_path / "red.png")
    samples = [[{"image": image, "caption": f"caption <{n}>"}] for n in range(1, 8)]
    page = samples_html(Progress(samples=samples))
    assert [n for n in range(1, 8) if f"<th>epoch {n}</th><td>caption &lt;{n}&gt;</td>" in page] == [1, 3, 5, 7]
    assert page.count("data:image/jpeg;base64,") == 1
    asked = samples_html(Progress(samples=[[{"image": image, "question": "is it <red>?", "answer": ""}]]))
    assert "<p>is it &lt;red&gt;?</p>" in asked and "<td>(nothing)</td>" in asked
    assert samples_html(Progress()) == "" and thumbnail(str(tmp_path / "gone.png")) == ""


def test_scores_stand_beside_those_from_before():
    after = {"split": "test", "images": 1_200, "bleu_4": 20.0, "cider": 61.234, "meteor": None}
    run = run_of("done", scores=lambda: {"before": {"cider": 55.5}, "after": after})
    page = scores_html(run)
    assert "Scores on 1,200 photos of the test split" in page and "meteor" not in page
    assert "<th>cider</th><td>55.50</td><td>61.23</td>" in page and "<th>bleu 4</th><td>–</td><td>20.00</td>" in page
    assert scores_html(run_of("running", scores=lambda: {"before": None, "after": None})) == ""


@pytest.mark.parametrize("seconds, said", [(0.2, "0 s"), (119, "119 s"), (150, "2 min"), (9000, "2.5 h")])
def test_a_time_is_said_in_its_unit(seconds, said):
    assert duration(seconds) == said
