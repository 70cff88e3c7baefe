"""The columns of a table as a visitor types them: these options of the command line, and no other."""

import shlex
from typing import Any

from runtime.errors import SettingError, printable
from training.config.data import ColumnSettings
from training.config.options import options, spelling

OPTIONS = {spelling(name): name for name in options(ColumnSettings)}
REPEATABLE = "caption_column"


def columns_of(text: str | None) -> dict[str, Any]:
    """`--image-column photo --caption-column "said_*"`, as a sentence about such a table asks for it, as options.

    Raises:
        SettingError: it is anything else.
    """
    try:
        words = shlex.split(text or "")
    except ValueError:
        raise SettingError(f"{printable(text)} has a quote that is not closed; close it.") from None
    found: dict[str, Any] = {}
    for option, name in zip(words[::2], [*words[1::2], "-"][: len(words[::2])], strict=True):
        if option not in OPTIONS or name.startswith("-"):
            raise SettingError(
                f"{printable(option)} {printable(name)} names no column; write {' NAME, '.join(OPTIONS)} NAME."
            )
        known = OPTIONS[option]
        found[known] = (*found.get(known, ()), name) if known == REPEATABLE else name
    return found
