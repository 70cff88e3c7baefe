"""The one command: its help, what it refuses, and that it runs what it names."""

import subprocess
import sys
from importlib import metadata

import pytest

import glimpse


def call(monkeypatch, capsys, *arguments, runs: list | None = None):
    """What `glimpse ARGUMENTS` prints, and its exit status."""
    monkeypatch.setattr(sys, "argv", ["glimpse", *arguments])
    if runs is not None:
        monkeypatch.setattr(glimpse.runpy, "run_module", lambda module, run_name: runs.append((module, sys.argv)))
    try:
        glimpse.main()
        status = 0
    except SystemExit as end:
        status = end.code
    return capsys.readouterr(), status


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(monkeypatch, capsys, arguments):
    output, status = call(monkeypatch, capsys, *arguments)
    assert status == 0 and all(f"\n  {name}" in output.out for name in glimpse.COMMANDS)
    assert max(map(len, output.out.splitlines())) <= 100


def test_the_version_is_that_of_the_installed_package(monkeypatch, capsys):
    installed = metadata.version("glimpse")
    output, status = call(monkeypatch, capsys, "--version")
    assert (output.out, status) == (f"glimpse {installed}\n", 0)

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    output, status = call(monkeypatch, capsys, "--version")
    assert (output.err, status) == ("glimpse is not installed; run: pip install .\n", 2)


@pytest.mark.parametrize("name, words", [("captoin", "did you mean caption"), ("xyz", "choose one of caption, ask")])
def test_another_command_is_one_sentence(monkeypatch, capsys, name, words):
    output, status = call(monkeypatch, capsys, name)
    assert status == 2 and words in output.err and output.out == ""


@pytest.mark.parametrize("arguments, module, rest", [
    (["caption", "a.jpg", "--beam", "5"], "captioner", ["a.jpg", "--beam", "5"]),
    (["ask", "a.jpg", "what?"], "vqa", ["a.jpg", "what?"]),
    (["serve", "--port", "1"], "app", ["--port", "1"]),
    (["train", "captioner", "--data", "d"], "training", ["captioner", "--data", "d"]),
    (["check", "d"], "training", ["check", "d"]),
    (["evaluate", "m", "--data", "d"], "training", ["evaluate", "m", "--data", "d"]),
    (["share", "m", "o"], "training", ["share", "m", "o"]),
])  # fmt: skip
def test_it_runs_the_packages_own_command_line(monkeypatch, capsys, arguments, module, rest):
    runs = []
    assert call(monkeypatch, capsys, *arguments, runs=runs)[1] == 0
    assert [(name, given[1:]) for name, given in runs] == [(module, rest)]


def test_the_process_gives_the_command_s_own_status_and_name():
    command = [sys.executable, "-m", "glimpse", "caption"]
    wrong = subprocess.run([*command, "nowhere.jpg", "--model", "nowhere"], capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: nowhere does not exist")
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=120)
    assert "Usage: glimpse caption" in shown.stdout


def test_help_imports_nothing_heavy():
    code = "import sys; sys.argv = ['glimpse', '--help']; import glimpse; glimpse.main(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"torch", "gradio", "typer", "numpy"} & set(done.stdout.split())
