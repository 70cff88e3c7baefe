"""The rows of JSON: of a list of objects, or of lines with an object each."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from runtime.errors import DataError, printable

from .records import Problems

_ANY_OBJECT = re.compile(r"\s*(?=\{)")
_FIRST_OF_LIST = re.compile(r"\s*\[\s*(?=\{)")
_PROMPT = re.compile(r"(?:answer [a-z]{2} )?(.*\?)\s*", re.DOTALL)  # PaliGemma is asked "answer en what is it?"


def first_object(text: str) -> set[str]:
    """The names in the first object of JSON lines, of which only the beginning may be there."""
    return _names(text, _ANY_OBJECT)


def first_listed(text: str) -> set[str]:
    """The names in the first object of a list, of which only the beginning may be there."""
    return _names(text, _FIRST_OF_LIST)


def _names(text: str, opening: re.Pattern) -> set[str]:
    opened = opening.match(text)
    try:
        return set(json.JSONDecoder().raw_decode(text, opened.end())[0]) if opened else set()
    except (ValueError, RecursionError):
        return set()


def listed(content: object, path: str | Path, problems: Problems) -> Iterator[tuple[int, dict]]:
    """The rows of a list, as (number, row); what is no object is counted.

    Raises:
        DataError: it is no list.
    """
    if not isinstance(content, list):
        raise DataError(f"{printable(path)} is not a list of objects; give each row an object, in one list.")
    for number, row in enumerate(content, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            problems.add("rows are not a JSON object", f"{Path(path).name} row {number}")


def lines(text: str, name: str, problems: Problems) -> Iterator[tuple[int, dict]]:
    """The rows of JSON lines, as (line, row); a line that is no object is counted."""
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: U+2028 may stand inside a string
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield number, _without_prompt(row)
        else:
            problems.add("lines are not a JSON object", f"{name} line {number}")


def _without_prompt(row: dict) -> dict:
    """A row of Roboflow's, which has what a model is told (`prefix`) and what it is to say (`suffix`), as any other."""
    prompt, response = row.get("prefix"), row.get("suffix")
    if not isinstance(prompt, str) or not isinstance(response, str):
        return row
    row = {name: value for name, value in row.items() if name not in ("prefix", "suffix")}
    question = _PROMPT.fullmatch(prompt)
    if question:
        return {**row, "question": question[1], "answer": response}
    return {**row, "boxes" if "<loc" in response else "caption": response}
