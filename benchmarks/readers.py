"""What reading a data set costs that is kept in Parquet or tar shards: seconds of work, and memory.

    python benchmarks/readers.py [--rows 118000] [--folder DIR]

Makes the set of small photos repeated, with five captions each and one more photo of the training set in val, in ten
shards; then, each kind in a process of its own: opens it, reads its records, compares all photos by their bytes and
makes the key of the cache, as `training captioner` does before it decodes a photo. Prints JSON. Memory is the
process's own (on Linux; files that the system keeps in memory, such as PyTorch's, are not counted), before and at most.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import deque
from pathlib import Path

from PIL import Image
from training_cost import watched

from runtime.command import print_error
from training.caches.photos import file_signature
from training.checks.photo_files import find_duplicates, photos_by_split
from training.readers import read_captions

SHARDS, PICTURES = 10, 500
CAPTIONS = [
    "a dog runs over the wet grass",
    "a brown dog runs",
    "the dog is wet",
    "a dog outside",
    "one dog and no cat",
]


def pictures() -> list[bytes]:
    """Small JPEGs, each of other bytes."""
    made = []
    for number in range(PICTURES):
        stream = io.BytesIO()
        Image.new("RGB", (32, 32), (number % 256, number // 256, 99)).save(stream, "JPEG")
        made.append(stream.getvalue())
    return made


def name_of(shard: int) -> str:
    return f"{'val' if shard == SHARDS - 1 else 'train'}-{shard:05}-of-{SHARDS:05}"


def make_tar(folder: Path, rows: int) -> None:
    made, number = pictures(), 0
    for shard in range(SHARDS):
        with tarfile.open(folder / f"{name_of(shard)}.tar", "w") as tar:
            for number in range(shard, rows, SHARDS):
                for suffix, content in (("jpg", made[number % PICTURES]), ("txt", "\n".join(CAPTIONS).encode())):
                    info = tarfile.TarInfo(f"{number:09}.{suffix}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))


def make_parquet(folder: Path, rows: int) -> None:
    import pyarrow
    from pyarrow import parquet

    made = pictures()
    for shard in range(SHARDS):
        numbers = range(shard, rows, SHARDS)
        table = {
            "image": [{"bytes": made[n % PICTURES], "path": f"{n:09}.jpg"} for n in numbers],
            "captions": [CAPTIONS for _ in numbers],
        }
        parquet.write_table(pyarrow.table(table), folder / f"{name_of(shard)}.parquet", row_group_size=100)


MAKERS = {"tar": make_tar, "parquet": make_parquet}


def measure(folder: Path) -> dict:
    """Of one set, in this process."""
    with watched() as memory:
        before, start = memory[0], time.process_time()
        data = read_captions(folder)
        read = time.process_time()
        deque(find_duplicates(photos_by_split(data.records)), maxlen=0)
        compared = time.process_time()
        key = b"".join(file_signature(record.image) for record in data.records)
        done = time.process_time()
    return {
        "rows": len(data.records), "captions": sum(len(record.captions) for record in data.records),
        "read_s": round(read - start, 1), "compare_s": round(compared - read, 1), "key_s": round(done - compared, 1),
        "total_s": round(done - start, 1), "key_bytes": len(key),
        "most_memory_mb": round(memory[-1] / 1e6), "before_mb": round(before / 1e6),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=118_000)
    parser.add_argument("--folder", type=Path, help="where the sets are made, and kept")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        for kind, make in MAKERS.items():
            folder = (given.folder or Path(temporary)) / kind
            if not folder.exists():
                print_error(f"making {given.rows:,} rows of {kind} ...")
                folder.mkdir(parents=True)
                make(folder, given.rows)
            command = [sys.executable, __file__, "--measure", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            print(json.dumps({"kind": kind, **json.loads(done.stdout)}), flush=True)


if __name__ == "__main__":
    main()
