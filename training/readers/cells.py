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
    "evaluation": "val", "development": "val", "test": "test", "testing": "test", "testdev": "test", "teststd": "test",
    "valminusminival": "train", "nominival": "train",  # of COCO's val photos: all but those of minival
    **{f"{split}set": split for split in ("train", "val", "test")}, "validset": "val", "devset": "val",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")  # testA is a test split
_NO_VALUE = {"", "nan", "NaN", "null", "NULL", "None", "<NA>"}
_ARRAY = re.compile(r"(?:np\.|numpy\.)?array\((.*?)(?:,\s*dtype=\w+)?\)", re.DOTALL)
_WHOLE = re.compile(r"0*([0-9]*?)(?:\.0+)?")
_LIST = re.compile(r"[\[({]\s*['\"{]")  # no sentence begins so
_NO_COMMA = re.compile(  # NumPy writes ['yes' 'no' nan]
    r"""(?<=['"}])\s+(?=['"{]|nan\b|None\b)|(?:(?<=\bnan)|(?<=\bNone))\s+(?=['"{])"""
)
_NUMBERS = re.compile(r"\[\s*(-?[\d.]+(?:\s+-?[\d.]+)+)\s*\]")  # and [1 2]
_BARE_NAN = re.compile(r"(?<=[\[(,])\s*nan\s*(?=[,\])])")


def split_in(name: str) -> str | None:
    """The split a file or a column names: `v2_mscoco_val2014_questions.json` -> `val`; `test-dev2015` is `test`."""
    found = [_SPLIT_WORDS[word] for word in map(str.lower, _WORD.findall(name)) if word in _SPLIT_WORDS]
    return "test" if "test" in found else found[0] if found else None


def split_of(row: dict, otherwise: str) -> str | None:
    """The split of a row: what it names, None where that is no split; `otherwise` where it names nothing."""
    named = row.get("split")
    return otherwise if is_blank(named) else split_in(text_of(named) or "")


def is_blank(value: object) -> bool:
    """Whether a cell is empty, or has what programs write for that."""
    if isinstance(value, str):
        return value.strip() in _NO_VALUE
    return value is None or (isinstance(value, float) and math.isnan(value))


def text_of(value: object) -> str | None:
    """A JSON value that stands for a text (a string, or a number), None where it does not."""
    if isinstance(value, str):  # JSON can hold half a character, which cannot be saved
        return value.encode("utf-8", "replace").decode().strip()
    if isinstance(value, float):
        return None if not math.isfinite(value) else str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def parse_list(value: object) -> list:
    """The values in a cell: one, or a list; which CSV spells as JSON does or, from pandas, as Python or NumPy do.

    A list that is not whole, such as NumPy's with `...` in it, is [None].
    """
    if not isinstance(value, str):
        return value if isinstance(value, list) else [value]
    text = value.strip()
    array = _ARRAY.fullmatch(text)
    text = array[1] if array else text
    if not text.startswith(("[", "(", "{")):
        return [value]
    parsed = _parsed(text)
    if isinstance(parsed, set):
        parsed = sorted(parsed, key=str)
    if isinstance(parsed, list | tuple):
        return [item for item in parsed if not is_blank(item)]
    return [parsed] if isinstance(parsed, dict) else [None] if _LIST.match(text) else [value]


def _parsed(text: str) -> object:
    """A text that spells a list, as this; None where it spells none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        numbers = _NUMBERS.fullmatch(text)
        python = f"[{', '.join(numbers[1].split())}]" if numbers else _NO_COMMA.sub(", ", text)
        python = _BARE_NAN.sub("None", python)
    try:
        with warnings.catch_warnings():  # of \d in a caption
            warnings.simplefilter("ignore")
            return ast.literal_eval(python)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def same_id(one: object, other: object) -> bool:
    """Whether two ids are the same, though one may be a text and the other a number: `"0042"` and 42."""
    return plain_id(one) == plain_id(other) if text_of(one) or text_of(other) else one == other


def plain_id(value: object) -> str | None:
    """An id as a text that is the same whether it was a number, a text of digits or went through pandas."""
    text = text_of(value)
    number = _WHOLE.fullmatch(text) if text else None
    return (number[1] or "0") if number else text
