"""What is done with photos, and how one part of them is worked on; the same in any process of any machine."""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from runtime.atomic import atomic_write
from runtime.bundled import resolve_model
from runtime.checkpoint import CONFIG, WEIGHTS, model_folder
from runtime.errors import PhotoError, printable
from runtime.onnx_graphs import file_checksum

from .parts import Part
from .reading import PhotoSource, error_text, photos_of

ROWS = 1000  # written at a time
Rows: TypeAlias = list[dict]


class Job(Protocol):
    """A model and what is asked of it, a dataclass. It is sent to other processes before the model is loaded.

    Attributes:
        model: its folder, or a bundled model's name.
    """

    model: str

    def about(self) -> Mapping:
        """What decides the rows, apart from the model, as JSON has it: two runs into one folder must agree in it."""

    def schema(self):
        """pyarrow's, of the rows without `image` and `error`."""

    def start(self) -> Callable[[Iterable[PhotoSource]], Iterator[tuple[PhotoSource, Rows | PhotoError]]]:
        """Load the model: photos -> (photo, its rows or why it could not be opened), in the order given."""


def model_checksums(job: Job) -> dict[str, str]:
    """The checksums of a model's files.

    Raises:
        ModelError: it is not there.
    """
    folder = model_folder(resolve_model(job.model))
    return {name: file_checksum(folder / name) for name in (CONFIG, WEIGHTS)}


def write_part(part: Part, file: Path, job: Job, work: Callable, *, column: str | None = None) -> tuple[int, int]:
    """Work on one part and write its rows as one Parquet file, whole or not at all.

    Args:
        work: what `job.start()` gave.

    Returns:
        How many photos it had, and how many of them could not be opened.

    Raises:
        WriteError: the disk is full, and the like.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    text = pyarrow.string()
    schema = pyarrow.schema([("image", text), *job.schema(), ("error", text)])
    photos = failed = 0
    rows: Rows = []
    with atomic_write(file, by=f"{platform.node()}-{os.getpid()}") as into, ParquetWriter(into, schema) as writer:
        for photo, result in work(photos_of(part, column)):
            photos, bad = photos + 1, isinstance(result, PhotoError)
            failed += bad
            made = [{"error": error_text(photo, result)}] if bad else result
            rows += [{"image": printable(photo.name)} | row for row in made]
            if len(rows) >= ROWS:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                rows.clear()
        writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    return photos, failed
