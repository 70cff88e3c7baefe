"""Imports go down only: reads every file's imports and fails on an arrow that the design does not have."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODELS = {"runtime", "encoders", "captioner", "vqa"}
DATA = MODELS | {"training.config", "training.loop", "training.caches", "training.readers"}
TASKS = DATA | {"training.metrics", "training.questions", "training.tasks"}
MAY_IMPORT = {  # layer -> the layers below it; its own files may always import each other
    "runtime": set(),
    "encoders": {"runtime"},
    "scale": {"runtime", "encoders"},
    "captioner": {"runtime", "encoders", "scale"},
    "vqa": {"runtime", "encoders", "scale"},
    "training.config": {"runtime"},
    "training.loop": {"runtime", "training.config"},
    "training.caches": MODELS | {"scale", "training.loop"},  # Ray's processes may fill one
    "training.readers": MODELS,
    "training.metrics": DATA,
    "training.questions": DATA,
    "training.tasks": TASKS,
    "training.checks": TASKS,
    "training.workspace": TASKS | {"training.checks"},
    "training.study": TASKS,
    "training.commands": TASKS | {"training.checks", "training.study"},
    "training": MODELS | {"training.config", "training.checks", "training.commands"},  # its API and its command line
    "page": MODELS | {"training.workspace"},
    "app": {"runtime", "captioner", "vqa", "page"},
    "glimpse": set(),  # it runs the others' command lines, and imports none of them
}
FILES = sorted(path for folder in {name.split(".")[0] for name in MAY_IMPORT} for path in (ROOT / folder).rglob("*.py"))
FILES += [ROOT / "app.py", ROOT / "glimpse.py"]


def module_of(path: Path) -> str:
    """`training/loop/fit.py` -> `training.loop.fit`; a package's `__init__.py` is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def layer_of(module: str) -> str | None:
    """The layer that a module stands in; None where it is none of ours."""
    return next((name for name in sorted(MAY_IMPORT, reverse=True) if f"{module}.".startswith(f"{name}.")), None)


def imports(module: str, source: str) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported inside a function) for every import of ours in the source of this module."""
    package = module if MODULES.get(module, ROOT).name == "__init__.py" else module.rpartition(".")[0]
    for found, inside in _imports(ast.parse(source), package):
        # `from training import loop` imports a module, `from training.loop.fit import fit` a name of one
        name = found if found in MODULES else found.rpartition(".")[0]
        if layer_of(name):
            yield name, inside


def _imports(node: ast.AST, package: str, *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        yield from ((name.name, inside) for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        base += [node.module] if node.module else []
        yield from ((".".join([*base, name.name]), inside) for name in node.names)
    inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, package, inside=inside)


def forbidden(module: str, source: str) -> list[str]:
    """The arrows in this source that a module of this name may not have."""
    layer, arrows = layer_of(module), []
    for found, inside in imports(module, source):
        target = layer_of(found)
        allowed = target == layer or target in MAY_IMPORT[layer]
        if layer == "page" and target == "training.workspace":  # what it shows of itself, when a visitor asks for it
            allowed = inside and found == target
        if not allowed:
            arrows.append(f"{module} -> {found}")
    return arrows


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path):
    assert forbidden(module_of(path), path.read_text(encoding="utf-8")) == []


def test_every_layer_of_the_table_is_there_and_no_other():
    assert (ROOT / "app.py").is_file() and (ROOT / "glimpse.py").is_file()
    assert {layer_of(module) for module in MODULES} == MAY_IMPORT.keys()
    rooms = {path.name for path in (ROOT / "training").iterdir() if any(path.glob("*.py"))}
    assert rooms == {name.partition(".")[2] for name in MAY_IMPORT if "." in name}
    assert {path.name for path in (ROOT / "training").glob("*.py")} == {"__init__.py", "__main__.py"}


def test_the_table_and_the_order_of_rooms_in_the_docs_are_these():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d) \| (.*?) \|", text, re.MULTILINE)
    rank = {name.removesuffix(".py"): int(number) for number, names in table for name in re.findall(r"[\w.]+", names)}
    rooms = re.search(r"again downwards:(.*?)\.\n", text, re.DOTALL)[1].split("→")
    rank |= {f"training.{name}": -n for n, names in enumerate(rooms) for name in re.findall(r"`(\w+)`", names)}
    assert rank.keys() == MAY_IMPORT.keys()
    arrows = {(upper, lower) for upper, below in MAY_IMPORT.items() for lower in below if upper != lower}
    for upper, lower in arrows - {("app", "page")}:  # the one arrow within a row of the table
        if upper == "training" and lower.startswith("training."):  # its API stands on its rooms
            continue
        if upper.partition(".")[0] != lower.partition(".")[0]:
            upper, lower = upper.partition(".")[0], lower.partition(".")[0]
        assert rank[upper] > rank[lower], f"{upper} -> {lower}"


def test_the_tests_of_a_layer_are_in_a_folder_of_its_name():
    for layer in MAY_IMPORT.keys() - {"app", "glimpse", "training"}:
        assert list((ROOT / "tests" / layer.replace(".", "/")).glob("test_*.py")), f"no tests of {layer}"


def test_no_module_imports_itself_through_others():
    graph = {}
    for module, path in MODULES.items():
        graph[module] = {found for found, _ in imports(module, path.read_text(encoding="utf-8"))} - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_page_leaves_tensors_to_the_models():
    for module, path in MODULES.items():
        if layer_of(module) in ("page", "app"):
            found = {name.split(".")[0] for name, _ in _imports(ast.parse(path.read_text(encoding="utf-8")), module)}
            assert "torch" not in found, module


@pytest.mark.parametrize("module, source", [
    ("runtime.archive", "from encoders.images import open_photo"),
    ("encoders.cnn", "import captioner"), ("encoders.cnn", "def f():\n    from training.loop.fit import fit"),
    ("captioner.model", "import vqa.model"), ("vqa.model", "if True:\n    from captioner import load as l"),
    ("captioner.model", "import os, training"), ("vqa.model", "import app"), ("vqa.model", "from page import site"),
    ("training.loop.fit", "from training.checks import check"), ("training.loop.fit", "from ..checks import check"),
    ("training.loop.fit", "from training import checks"), ("training.loop.fit", "from encoders.images import x"),
    ("training.config.fit", "import encoders.cnn"), ("training.config.fit", "from ..loop.task import Task"),
    ("training.readers.coco", "from training.questions.generate import x"), ("training.caches.x", "import training"),
    ("training.readers.coco", "from ..caches.photos import x"), ("training.metrics.x", "import training.questions"),
    ("training.tasks.vqa", "from ..checks.check import check"), ("training.checks.x", "from ..commands import run"),
    ("training.commands.x", "from training.workspace import Workspace"), ("training.__main__", "import app"),
    ("page.watch", "from training.workspace import Workspace"), ("page.watch", "def f():\n    import training"),
    ("page.watch", "def f():\n    from training.workspace.runs import Runs"),
    ("page.watch", "try:\n    from training.loop import fit\nexcept ImportError: pass"),
    ("page.watch", "class Page:\n    import training"), ("app", "def main():\n    import training.workspace"),
])  # fmt: skip
def test_a_forbidden_arrow_is_seen(module: str, source: str):
    assert len(forbidden(module, source)) == 1


@pytest.mark.parametrize("module, source", [
    ("encoders.cnn", "from runtime.errors import shown\nimport torch"),
    ("captioner.model", "from encoders.text import PAD\nfrom .search import search\nimport captioner.search"),
    ("training.tasks.vqa", "import captioner, vqa, encoders.cnn\nfrom training.caches.photos import PhotoCache"),
    ("training.caches.photos", "from training.loop.distributed import first_alone\nfrom . import array_file"),
    ("training.workspace", "from .runs import Runs\nfrom training.checks.report import Report"),
    ("page.watch", "import vqa\ndef retrain():\n    from training.workspace import Workspace"),
])  # fmt: skip
def test_an_allowed_arrow_is_let_pass(module: str, source: str):
    assert forbidden(module, source) == []
