"""Shards of coloured squares, the rows of a run, and the work of Ray's processes done in this one."""

import io
import tarfile
import zipfile
from pathlib import Path

from toys import COLOURS, SIDES, square

from scale.cluster import PartResult, Worker

BAD = b"not a photo"


def png(colour: str, side: str = "left") -> bytes:
    stream = io.BytesIO()
    square(colour, side).save(stream, "PNG")
    return stream.getvalue()


def photos() -> dict[str, bytes]:
    """Eight photos and, in the middle, a file that is none."""
    made = {f"{side}-{colour}.png": png(colour, side) for side in SIDES for colour in COLOURS}
    return dict(sorted((made | {"left-zzz.jpg": BAD}).items()))


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    """A zip of these files, every second one compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, content) in enumerate(files.items()):
            archive.writestr(name, content, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2])
    return path


def rows_of(folder: Path) -> list[dict]:
    """All rows of a run, in the order of its parts."""
    from pyarrow import parquet

    return parquet.read_table(folder).to_pylist()


def work_here(parts, job, folder, *, workers, address, column):
    """What `scale.cluster.process_parts` does, without Ray."""
    worker = Worker(job, str(folder), column)
    for part in parts:
        done = worker({"part": [part.to_json()]})
        yield PartResult(*(done[name][0] for name in PartResult._fields))
