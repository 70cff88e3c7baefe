"""Which folder a model's name stands for."""

import subprocess
import sys
from pathlib import Path

import pytest

import captioner
import vqa
from runtime.bundled import is_bundled, resolve_model
from runtime.checkpoint import read_config


@pytest.mark.parametrize("name, package, kind", [
    ("bundled-captioner", captioner, "captioner"), ("bundled-vqa", vqa, "vqa"),
])  # fmt: skip
def test_a_bundled_model_is_in_its_package(name, package, kind):
    folder = resolve_model(name)
    assert folder == Path(package.__file__).parent / "bundled" and name == package.BUNDLED and is_bundled(name)
    assert read_config(folder)["kind"] == kind


@pytest.mark.parametrize("name", ["runs/best", "bundled-mine", "/models/bundled-vqa", Path("bundled-x"), ""])
def test_any_other_name_is_a_folder_s_own(name):
    assert resolve_model(name) == Path(name) and not is_bundled(name)


def test_finding_a_model_imports_neither_package():
    code = (
        "import sys, runtime.bundled as b; print(b.resolve_model('bundled-vqa'), {'captioner', 'vqa'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1)[1].strip() == "set()"
