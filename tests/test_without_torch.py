"""Models are used without PyTorch: nothing imports it, and where it is not installed, what needs it says so."""

import subprocess
import sys

import pytest
from PIL import Image
from served import asked, served

ROOT = __file__.rsplit("/", 2)[0]
HEAVY = "{'torch', 'torchvision', 'timm'} & {*sys.modules}"
GONE = "import sys; sys.modules.update(dict.fromkeys(('torch', 'torchvision', 'timm')))\n"  # to import one now fails


def python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    """A fresh process in which this code is run."""
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "photo.png"
    Image.new("RGB", (64, 48), (30, 90, 200)).save(path)
    return str(path)


def test_a_caption_and_an_answer_load_no_torch(photo):
    code = (
        "import sys, captioner, vqa; photo = sys.argv[1]\n"
        "describer = captioner.load(); answerer = vqa.load(encoder=describer.engine.encoder)\n"
        "print(describer(photo).text); print(answerer(photo, 'what color is it?')[0].text)\n"
        f"print(answerer.shares_encoder_with(describer), {HEAVY})"
    )
    done = python(code, photo)
    assert done.returncode == 0, done.stderr
    caption, answer, last = done.stdout.splitlines()
    assert caption and answer and last == "True set()"


@pytest.mark.parametrize("arguments", [["captioner"], ["vqa", "what color is it?"]])
def test_a_command_about_one_photo_waits_for_nothing_it_does_not_need(photo, arguments):
    module, *question = arguments
    code = (
        f"import sys; from {module}.__main__ import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print({'torch', 'rich', 'pydantic', 'gradio'} & {*sys.modules})"
    )
    done = python(code, photo, *question)
    assert done.returncode == 0, done.stderr
    said, imported = done.stdout.splitlines()
    assert said and imported == "set()"


def test_the_page_is_built_without_torch(tmp_path):
    code = GONE + (
        "from pathlib import Path; import app; from page.page import page; from page.site import Site\n"
        "site = Site(app._models('bundled-captioner', 'bundled-vqa', None), Path(sys.argv[1]))\n"
        "text = str(page(site).config['components'])\n"
        "print(site.models.answerer is not None, \"pip install '.[train]'\" in text)"
    )
    done = python(code, str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


def test_the_page_serves_without_torch_where_it_is_installed(photo, tmp_path):
    (said := tmp_path / "tmp").mkdir()
    at_the_end = f"import atexit, sys; atexit.register(lambda: print('loaded:', {HEAVY}, file=sys.stderr))"
    with served("--workspace", tmp_path / "kept", temporary=said, before=at_the_end) as url:
        caption, answer = asked(url, (photo, {}, "/caption"), (photo, {"question": "what is it?"}, "/ask"))
    assert caption["caption"] and answer["answers"]
    assert "loaded: set()" in (said / "server.txt").read_text()


@pytest.mark.parametrize("arguments", [
    ["training", "check", "data"], ["captioner", "photo.png", "--engine", "torch"],
    ["vqa", "photo.png", "what is it?", "--engine", "torch"],
])  # fmt: skip
def test_what_needs_torch_says_how_to_install_it(arguments):
    code = GONE + "import runpy; sys.argv = sys.argv[1:]; runpy.run_module(sys.argv[0], run_name='__main__')"
    done = python(code, *arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "needs PyTorch, which is not installed; run: pip install '.[train]'" in done.stderr
