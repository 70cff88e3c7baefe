"""No file of the product is over 250 lines, and no function over 60: what is longer is two things."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("runtime", "encoders", "scale", "captioner", "vqa", "training", "page", "benchmarks", "examples")
FILES = [*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))]
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 250, 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_and_its_functions_are_short(path: Path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LINES_OF_A_FILE
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, functions):
            assert node.end_lineno - node.lineno < LINES_OF_A_FUNCTION, node.name
