"""Imports go down only: reads every file's imports and fails on an arrow that the design does not have."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {  # the design's table; the page may import training too, but only inside a function
    "runtime": set(),
    "encoders": {"runtime"},
    "captioner": {"runtime", "encoders"},
    "vqa": {"runtime", "encoders"},
    "training": {"runtime", "encoders", "captioner", "vqa"},
    "page": {"runtime", "encoders", "captioner", "vqa"},
    "app": {"runtime", "captioner", "vqa", "page"},
}
FILES = sorted(
    path for layer in MAY_IMPORT for path in [ROOT / f"{layer}.py", *(ROOT / layer).rglob("*.py")] if path.exists()
)


def imports(node: ast.AST, *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """(top-level package, whether it is imported inside a function) for every absolute import under this node."""
    if isinstance(node, ast.Import):
        yield from ((name.name.split(".")[0], inside) for name in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module.split(".")[0], inside
    inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    for child in ast.iter_child_nodes(node):
        yield from imports(child, inside=inside)


def forbidden(layer: str, source: str) -> list[str]:
    """The arrows in this source that a file of this layer may not have."""
    arrows = []
    for package, inside in imports(ast.parse(source)):
        allowed = MAY_IMPORT[layer] | {layer} | ({"training"} if layer == "page" and inside else set())
        if package in MAY_IMPORT and package not in allowed:
            arrows.append(f"{layer} -> {package}")
    return arrows


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path):
    layer = path.relative_to(ROOT).with_suffix("").parts[0]
    assert forbidden(layer, path.read_text(encoding="utf-8")) == []


def test_every_package_is_read():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} >= MAY_IMPORT.keys() - {"app"}


def test_the_page_leaves_tensors_to_the_models():
    for file in [ROOT / "app.py", *(ROOT / "page").glob("*.py")]:
        assert "torch" not in {package for package, _ in imports(ast.parse(file.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("layer, source", [
    ("encoders", "import captioner"), ("encoders", "def f():\n    from training.loop import train"),
    ("runtime", "from encoders.images import open_photo"), ("captioner", "import vqa.model"),
    ("vqa", "if True:\n    from captioner import load as l"),
    ("captioner", "import os, training"), ("training", "import app"), ("page", "import training"),
    ("page", "try:\n    from training import loop\nexcept ImportError: pass"), ("vqa", "import app"),
    ("page", "class Page:\n    import training"), ("app", "def main():\n    import training"),
])  # fmt: skip
def test_a_forbidden_arrow_is_seen(layer: str, source: str):
    assert len(forbidden(layer, source)) == 1


@pytest.mark.parametrize("layer, source", [
    ("encoders", "from runtime.errors import shown\nimport torch"),
    ("captioner", "from encoders.text import PAD\nimport captioner.search"),
    ("training", "import captioner, vqa, encoders.cnn"),
    ("page", "import vqa\ndef retrain():\n    from training import loop"),
])  # fmt: skip
def test_an_allowed_arrow_is_let_pass(layer: str, source: str):
    assert forbidden(layer, source) == []
