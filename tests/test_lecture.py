"""docs/lecture.md: every file that it names is there, and every command takes what it is given."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import torch
import typer

from training.commands import options

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`python ([^`]+)`", TEXT)))


class Called:
    """Stands for every module of `training.commands`: whatever function of it is called, its config is kept."""

    def __init__(self):
        self.configs = []

    def __getattr__(self, name):
        return self.configs.append


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("-m training")])
def test_a_training_command_makes_a_config(command, monkeypatch):
    called = Called()
    monkeypatch.setattr(options, "import_module", lambda name: called)
    import_module("training.__main__").app(shlex.split(command)[2:], standalone_mode=False)
    assert len(called.configs) == 1


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith("-m training")])
def test_another_command_takes_its_options(command):
    what, *words = shlex.split(command.removeprefix("-m "))
    is_file = what.endswith(".py")
    module = import_module(what.removesuffix(".py").replace("/", ".") if is_file else f"{what}.__main__")
    app = typer.Typer() if is_file else module.app
    if is_file:
        app.command()(module.main)
    typer.main.get_command(app).make_context("python", words)


def test_the_files_that_it_names_are_there():
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)+(?:\.py)?)/?`|\]\(([^)]+)\)", TEXT))
    paths = [ROOT / code if code else ROOT / "docs" / link for code, link in named]
    assert len(paths) > 20 and [str(path) for path in paths if not path.exists()] == []


def test_recurrent_md_s_python_runs():
    text = (ROOT / "docs" / "recurrent.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"`{3}python\n(.*?)`{3}", text, flags=re.DOTALL)
    found = {"x": torch.randn(2, 60, 8)}
    exec(code.replace("    ...", "    h.sum().backward()"), found)
    assert found["h"].shape == (2, 10, 32) and all(w.grad is not None for w in found["recurrent"].parameters())
