"""The file that `--out` names: a JSON line a caption, appended to by one run at a time; no line is left broken."""

import json
import os
import weakref
from pathlib import Path

from runtime.errors import SettingError, WriteError, printable
from runtime.hold import hold

BEGINNING = b'{"image": "'  # of every line
OTHER_TABLES = (".csv", ".tsv", ".xlsx", ".parquet")


class CaptionsFile:
    """Captions on disk, opened to add some. The file is made if there is none.

    The last line of a run that was killed while it wrote it is taken away; its photo is captioned again.

    Attributes:
        images: the names of the photos that it holds.

    Raises:
        SettingError: it cannot be opened, another run adds to it, a line of it is no caption, or its name is of
            another kind of table.
    """

    def __init__(self, path: Path):
        self.path = path
        if path.suffix.lower() in OTHER_TABLES:
            raise SettingError(f"{printable(path)} would hold JSON lines; name it {printable(path.stem)}.jsonl.")
        try:
            self._file = path.open("a+b", buffering=0)
            self.close = weakref.finalize(self, self._file.close)
            if not hold(self._file):
                raise SettingError(
                    f"another run is adding to {printable(path)}; wait for its end or choose another --out."
                )
            self._file.seek(0)
            lines = self._file.readall().split(b"\n")
        except OSError as error:
            raise SettingError(
                f"{printable(path)} cannot be added to ({error.strerror}); choose another --out."
            ) from None
        *whole, unfinished = lines
        self.images = {self._image(line, number) for number, line in enumerate(whole, 1)}
        if unfinished:
            self._cut_unfinished(unfinished, len(lines))

    def _image(self, line: bytes, number: int) -> str:
        try:
            if isinstance(image := json.loads(line)["image"], str):
                return image
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise SettingError(
            f"line {number} of {printable(self.path)} is not a whole caption of an earlier run; delete that line or "
            "choose another --out."
        )

    def _cut_unfinished(self, unfinished: bytes, number: int) -> None:
        ours = unfinished.startswith(BEGINNING) or BEGINNING.startswith(unfinished)
        if not ours:  # somebody's text without an end of line
            self._image(b"", number)
        os.ftruncate(self._file.fileno(), self._file.tell() - len(unfinished))

    def add(self, line: str) -> None:
        """Add a line, which then is there whole.

        Raises:
            WriteError: it cannot be written, and nothing of it is there.
        """
        size = os.fstat(self._file.fileno()).st_size
        data = memoryview(line.encode() + b"\n")
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            os.ftruncate(self._file.fileno(), size)
            raise WriteError(
                f"{printable(self.path)} cannot be added to ({error.strerror or error}); what it holds is whole: make "
                "room and run the same command again."
            ) from None
