"""Gradio is imported without writing its stub files, and all the same otherwise."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from page.no_stubs import _Silenced

ROOT = Path(__file__).parents[2]


def test_no_component_gets_a_stub_where_the_page_is_imported_first():
    code = (
        "import page, gradio; from gradio import blocks_events, component_meta as meta\n"
        "print(meta.create_or_modify_pyi.__module__, blocks_events.create_or_modify_pyi is meta.create_or_modify_pyi)\n"
        "print(meta.__spec__.name, hasattr(gradio.Textbox(render=False), 'submit'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "page.no_stubs True\ngradio.component_meta True\n", done.stderr


@pytest.mark.parametrize("has", [["create_or_modify_pyi", "save"], ["save"]])
def test_a_module_keeps_all_else_and_may_have_no_such_function(has):
    class Its:
        def create_module(self, spec):
            return None

        def exec_module(self, module):
            vars(module).update(dict.fromkeys(has, lambda: "done"))

    loader, module = _Silenced(Its()), ModuleType("m")
    assert loader.create_module(ModuleSpec("m", None)) is None
    loader.exec_module(module)
    assert module.save() == "done"
    assert not hasattr(module, "create_or_modify_pyi") or module.create_or_modify_pyi(1, 2) is None
