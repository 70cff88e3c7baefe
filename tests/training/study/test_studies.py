"""The studies: the task of memory, what is measured of it, tables and figures, and going on after a stop."""

import csv
import json
import sys
from dataclasses import dataclass

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from encoders.recurrent import Recurrent
from runtime.errors import SettingError
from training.__main__ import app
from training.commands.study import STUDIES
from training.study import reach as reach_study
from training.study.first_symbol import SYMBOLS, Reader, accuracy, learn, sequences
from training.study.gradients import (
    CLIPS,
    GradientSettings,
    clipped_run,
    gradient_norms,
    gradients,
    rnn_of_scale,
    scaled_rnn,
)
from training.study.reach import NETWORKS, ReachSettings, reach, reach_of
from training.study.results import run_cases, write_table

SMALL = GradientSettings(length=12, hidden=8, batch=4, steps=3, distance=4, clip_steps=5)
SHORT = ReachSettings(distances=(2, 5), hidden=8, batch=8, steps=2, seeds=1)


def random(seed=1):
    return torch.Generator().manual_seed(seed)


def test_only_the_first_symbol_is_to_be_remembered():
    x, first = sequences(64, 9, random())
    assert x.shape == (64, 10, 2 * SYMBOLS) and (x.sum(dim=2) == 1).all()
    symbols = x.argmax(dim=2)
    assert torch.equal(symbols[:, 0], first) and set(first.tolist()) == set(range(SYMBOLS))
    assert (symbols[:, 1:] >= SYMBOLS).all()


def test_a_cell_learns_to_remember_and_then_stops():
    torch.manual_seed(1)
    reader = Reader(16, cell="gru")
    assert accuracy(reader, 3, random()) < 0.6
    optimiser = torch.optim.Adam(reader.parameters(), lr=0.02)
    seen = learn(reader, optimiser, 3, random(), steps=500, batch=32, clip=1.0)
    assert accuracy(reader, 3, random(2)) > 0.95
    assert len(seen.losses) == len(seen.norms) < 500


def test_gradient_norms_are_those_of_each_state():
    """Against one state at a time, from which the rest of the sequence is run anew."""
    torch.manual_seed(0)
    reader, (x, first) = Reader(6, cell="lstm"), sequences(3, 5, random())
    norms = gradient_norms(reader, x, first)
    assert len(norms) == 6
    for distance in range(6):
        _, state = reader.recurrent(x[:, : 6 - distance])
        state = state.detach().requires_grad_()
        h = state[:, 0, 0] if distance == 0 else reader.recurrent(x[:, 6 - distance :], state)[0][:, -1]
        loss = torch.nn.functional.cross_entropy(reader.output(h), first, reduction="sum")
        (g,) = torch.autograd.grad(loss, state)
        assert norms[distance] == pytest.approx(g.flatten(1).norm(dim=1).mean().item(), rel=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_singular_values_are_the_scale(scale):
    (cell,) = rnn_of_scale(8, scale).recurrent.layers
    torch.testing.assert_close(torch.linalg.svdvals(cell.weight_hh), torch.full((8,), scale))


def test_gradients_vanish_below_1_and_explode_above():
    how = {"hidden": 8, "batch": 4, "length": 12, "seed": 1}
    last = {scale: scaled_rnn(scale=scale, **how)[-1]["norm"] for scale in (0.5, 1.0, 1.5)}
    assert last[0.5] == pytest.approx(0.5**12, rel=0.01)
    assert last[1.0] == pytest.approx(1, rel=0.01)
    assert last[1.5] > 10


def test_clipping_tames_a_run_that_explodes():
    how = {"hidden": 32, "batch": 32, "distance": 10, "clip_steps": 100, "clip_scale": 1.2, "clip_rate": 0.5, "seed": 1}
    last = {clip: clipped_run(clip=clip, **how)[-1]["loss"] for clip in CLIPS}
    assert last["no clipping"] > 1.4 > 0.1 > last["clipped to norm 1"]  # ln 4 = 1.39 is chance


def test_a_network_that_fails_is_not_trained_at_longer_distances():
    how = {"network": "RNN", "seed": 1, "distances": (2, 5), "hidden": 8, "batch": 8, "steps": 2,
           "learning_rate": 1e-6, "clip": 1.0}  # fmt: skip
    assert [row["steps"] for row in reach_of(learns_on=0.99, **how)] == [2, 0]
    assert [row["steps"] for row in reach_of(learns_on=0.0, **how)] == [2, 2]


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_the_networks_are_ones_that_there_are(options):
    Recurrent(input_size=2, hidden_size=2, **options)


def test_gradients_writes_its_tables_and_figure(tmp_path):
    *_, table, clipping = gradients(SMALL, tmp_path)
    lines = table.splitlines()
    assert lines[0] == "| network | training | 1 before | 10 before |"
    assert len(lines) == 2 + 2 * 4 + 5 and lines[2].startswith("| RNN | before | 0.")
    assert (tmp_path / "table.md").read_text() == table
    assert "| clipped to norm 1 |" in clipping
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["network"] for row in rows[-2:]] == ["RNN, singular values 1.1", "RNN, singular values 1.5"]
    assert float(rows[-1]["1 before"]) > 1
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.width > 2.5 * figure.height


def test_reach_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    stream = reach(SHORT, tmp_path / "stopped")
    assert next(stream).startswith("RNN, seed 1: ")
    stream.close()
    (line,) = (tmp_path / "stopped" / "cases.jsonl").read_text().splitlines()
    assert json.loads(line)["case"]["network"] == "RNN"

    asked = []
    monkeypatch.setattr(reach_study, "reach_of", lambda **case: asked.append(case["network"]) or reach_of(**case))
    *_, resumed = reach(SHORT, tmp_path / "stopped")
    assert asked == [network for network in NETWORKS if network != "RNN"]
    *_, whole = reach(SHORT, tmp_path / "whole")
    assert resumed == whole
    assert [line.split(" | ")[0] for line in whole.splitlines()[2:]] == [f"| {network}" for network in NETWORKS]


def test_other_settings_are_other_cases(tmp_path):
    found = [list(run_cases([{"a": a}], lambda a: [{"twice": 2 * a}], tmp_path)) for a in (1, 2, 1)]
    assert found == [[[{"twice": 2}]], [[{"twice": 4}]], [[{"twice": 2}]]]
    assert len((tmp_path / "cases.jsonl").read_text().splitlines()) == 2
    with (tmp_path / "cases.jsonl").open("a") as file:
        file.write('{"case": {"a": 3}, "ro')  # killed while it wrote
    assert list(run_cases([{"a": 2}], None, tmp_path)) == [[{"twice": 4}]]


def test_a_table_for_people_rounds_and_one_for_programs_does_not(tmp_path):
    text = write_table([{"cell": "lstm", "score": 1 / 3}, {"cell": "gru", "score": 12345.678, "note": "b"}], tmp_path)
    assert text.splitlines()[2:] == ["| lstm | 0.333 |  |", "| gru | 12,346 | b |"]
    assert "0.3333333333333333" in (tmp_path / "table.csv").read_text()


@pytest.mark.parametrize(("arguments", "words"), [
    (["gradient"], "no study 'gradient'; choose one of gradients, reach, odyssey, choices"),
    (["gradients", "--seeds", "2"], "the study gradients has no --seeds; leave it out"),
    (["odyssey"], "the study odyssey trains captioners; give photos with captions as --data"),
    (["reach", "--hidden", "0"], "hidden is 0; choose 1 or more"),
])  # fmt: skip
def test_wrong_calls_are_one_sentence(tmp_path, arguments, words):
    with pytest.raises(SettingError, match=words) as caught:
        CliRunner().invoke(app, ["study", *arguments, "--out", str(tmp_path)], catch_exceptions=False)
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Shorter(ReachSettings):
    distances: tuple[int, ...] = (2, 5)


def test_the_command_prints_the_table(tmp_path, monkeypatch):
    monkeypatch.setitem(STUDIES, "reach", (reach, Shorter))
    monkeypatch.setattr(reach_study, "NETWORKS", {"GRU": {"cell": "gru"}})
    how = ["study", "reach", "--out", str(tmp_path), "--hidden", "4", "--steps", "1", "--seeds", "1"]
    done = CliRunner().invoke(app, how, catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.startswith("| network | after 2 | after 5 |\n") and (tmp_path / "figure.png").is_file()


def test_without_matplotlib_it_says_so_before_it_works(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SettingError, match="draws its figure with matplotlib; run: pip install"):
        next(reach(SHORT, tmp_path))
