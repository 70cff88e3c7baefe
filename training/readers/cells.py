"""What one cell of a table, or one value of JSON, says: a text, a list of texts, a split, or nothing.

Tables go through pandas on their way, and come out changed: a list as the text of a list, an empty cell as NaN, a
whole number as 42.0.
"""

import ast
import json
import math
import re
import warnings

_SPLIT_WORDS = {
    "train": "train", "training": "train", "trainval": "train", "restval": "train",
    "val": "val", "valid": "val", "validate": "val", "validation": "val", "dev": "val", "minival": "val", "eval": "val",
    "test": "test", "testing": "test", "testdev": "test", "teststd": "test",
}  # fmt: skip
_NO_COMMA = re.compile(r"""(['"])\s+(?=['"])""")  # NumPy writes ['yes' 'no']
_BARE_NAN = re.compile(r"(?<=[\[(,])\s*nan\s*(?=[,\])])")


def split_in(name: str) -> str | None:
    """The split a file or a column names: `v2_mscoco_val2014_questions.json` -> `val`; `test-dev2015` is `test`."""
    found = [_SPLIT_WORDS[word] for word in re.findall(r"[a-z]+", name.lower()) if word in _SPLIT_WORDS]
    return "test" if "test" in found else found[0] if found else None


def split_of(row: dict, otherwise: str) -> str | None:
    """The split of a row: what it names, None where that is no split; `otherwise` where it names nothing."""
    named = row.get("split")
    return otherwise if is_blank(named) else split_in(text_of(named) or "")


def is_blank(value: object) -> bool:
    """Whether a cell is empty."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or (value in ("", "NaN"))


def text_of(value: object) -> str | None:
    """A JSON value that stands for a text (a string, or a number), None where it does not."""
    if isinstance(value, str):  # JSON can hold half a character, which cannot be saved
        return value.encode("utf-8", "replace").decode().strip()
    if isinstance(value, float):
        return None if not math.isfinite(value) else str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def parse_list(value: object) -> list:
    """The values in a cell: one, or a list; which CSV spells as JSON does or, from pandas, as Python or NumPy do."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "("):
        parsed = _parsed(value.strip())
        return [item for item in parsed if not is_blank(item)] if isinstance(parsed, list | tuple) else [value]
    return value if isinstance(value, list) else [value]


def _parsed(text: str) -> object:
    """A text that spells a list, as this; None where it spells none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        python = _BARE_NAN.sub("None", _NO_COMMA.sub(r"\1, ", text))
    try:
        with warnings.catch_warnings():  # of \d in a caption
            warnings.simplefilter("ignore")
            return ast.literal_eval(python)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def same_id(one: object, other: object) -> bool:
    """Whether two ids are the same, though one may be a text and the other a number: `"0042"` and 42."""
    return _plain_id(one) == _plain_id(other)


def _plain_id(value: object) -> object:
    text = text_of(value)
    return value if text is None else text.lstrip("0") if text.isdecimal() else text
