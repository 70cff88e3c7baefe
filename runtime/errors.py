"""The mistakes a user can make, each told in one sentence.

GlimpseError
 ├── PhotoError    a photo that cannot be opened
 ├── QuestionError a question that cannot be read
 ├── ModelError    a model folder that cannot be loaded, or does not fit
 ├── DataError     a data set that cannot be read
 └── SettingError  an option, or a combination of options, that makes no sense

The message of each says what was wrong, which value, and what to do next; a command line prints it and nothing else.
"""

import os


class GlimpseError(Exception):
    """A mistake of the caller's, told in one sentence."""


class PhotoError(GlimpseError):
    """A photo that cannot be opened."""


class QuestionError(GlimpseError):
    """A question that cannot be read."""


class ModelError(GlimpseError):
    """A model folder that cannot be loaded, or does not fit."""


class DataError(GlimpseError):
    """A data set that cannot be read."""


class SettingError(GlimpseError, ValueError):
    """An option, or a combination of options, that makes no sense."""


def shown(path) -> str:
    """A path as text that can always be printed: bytes that are not UTF-8 and control characters are replaced."""
    text = os.fspath(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)  # of a file in an archive
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
