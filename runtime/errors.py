"""The mistakes a user can make, each told in one sentence.

GlimpseError
 ├── PhotoError    a photo that cannot be opened
 ├── QuestionError a question that cannot be read
 ├── ModelError    a model folder that cannot be loaded, or does not fit
 ├── DataError     a data set that cannot be read
 │    └── WriteError  a file that cannot be written: a full disk, a folder without permission
 └── SettingError  an option, or a combination of options, that makes no sense

The message of each says what was wrong, which value, and what to do next; a command line prints it and nothing else.
Programs tell them apart by `code`, never by the words of the message.
"""

import os


class GlimpseError(Exception):
    """A mistake of the caller's, told in one sentence.

    Attributes:
        code: the kind of mistake, as JSON has it.
    """

    code = "error"


class PhotoError(GlimpseError):
    """A photo that cannot be opened."""

    code = "photo"


class QuestionError(GlimpseError):
    """A question that cannot be read."""

    code = "question"


class ModelError(GlimpseError):
    """A model folder that cannot be loaded, or does not fit."""

    code = "model"


class DataError(GlimpseError):
    """A data set that cannot be read."""

    code = "data"


class WriteError(DataError):
    """A file that cannot be written: a full disk, a folder without permission."""

    code = "write"


class SettingError(GlimpseError, ValueError):
    """An option, or a combination of options, that makes no sense."""

    code = "setting"


def printable(path) -> str:
    """A path as text that can always be printed: bytes that are not UTF-8 and control characters are replaced."""
    text = os.fspath(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)  # of a file in an archive
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
