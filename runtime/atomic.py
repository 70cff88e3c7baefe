"""Files written whole: whoever opens one finds what was there before or all of what is new, whatever goes wrong.

Writing in place would lose both when the process is killed or the disk fills. So the new content gets a hidden
name, is flushed to the disk itself, and takes the old one's place by a rename, which is one step.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from .errors import WriteError, printable

DISK_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def atomic_write(path: str | Path, *, by: str = "") -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` when the block ends, and never where it raises.

    A process killed within the block leaves `.NAME.writing`, which the next one overwrites: two processes that may
    write the same file hold a lock, or give names of their own.

    Args:
        by: a name of the process that writes, which is then part of the hidden file's: `.NAME.BY.writing`.

    Raises:
        WriteError: the disk is full, the folder cannot be written, and the like. The file before is still whole.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{by}.writing" if by else f".{path.name}.writing")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise WriteError(
            f"{printable(path)} cannot be written ({error.strerror or error}); make room, or name a folder that can be "
            "written."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8. Half a character, as JSON may hold one, is escaped. Raises as `atomic_write` does."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as JSON that people can read too. Raises as `atomic_write` does; TypeError before it writes."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def sync(path: Path) -> None:
    """Return once a file's content, or a folder's list of names, is on the disk itself."""
    with suppress(PermissionError):  # Windows opens no folder; there the rename itself is kept
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
