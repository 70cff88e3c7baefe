"""The page given eight photos of 99 megapixels at once: whether all are answered, the most memory, and what stays.

    python benchmarks/large_photos.py [--photos N] [--wait SECONDS]

Three kinds in turn: a baseline JPEG, a progressive one, and a PNG with transparency. The default limit is raised for
them. Memory is that of the server and of the processes it starts, each page shared by several counted once; before,
after a first round of small photos, and after, when it has been left alone for a while. Needs Linux (reads /proc).
"""

import argparse
import itertools
import json
import os
import tempfile
import threading
import time
from pathlib import Path

from load import storm
from page_server import page
from PIL import Image
from serving import blobs

SIZE = (11_000, 9_000)
EVERY = 0.1  # seconds between two looks at the memory


def large(folder: Path) -> dict[Path, int]:
    """One photo of each kind and its bytes: a smooth picture with a little grain."""
    smooth = Image.open(blobs(folder, 1)[0]).resize(SIZE, Image.Resampling.BICUBIC)
    grain = Image.effect_noise((1000, 1000), 12)
    for left, top in itertools.product(range(0, SIZE[0], 2000), range(0, SIZE[1], 2000)):
        smooth.paste(grain, (left, top))
    smooth.save(folder / "baseline.jpg", quality=90)
    smooth.save(folder / "progressive.jpg", quality=90, progressive=True)
    smooth.putalpha(200)
    smooth.save(folder / "transparent.png", compress_level=1)
    files = [folder / name for name in ("baseline.jpg", "progressive.jpg", "transparent.png")]
    return {path: path.stat().st_size for path in files}


def memory_mb(pid: int) -> float:
    """Of a process and of all that it started."""
    total = 0.0
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(rollup.split("\nPss:")[1].split()[0]) / 1024
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += " " + (thread / "children").read_text() if thread.name != str(pid) else ""
    except OSError:  # it has just ended
        return total
    return total + sum(memory_mb(int(child)) for child in children.split())


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--photos", type=int, default=8)
    options.add_argument("--wait", type=float, default=60)
    options = options.parse_args()
    os.environ["GLIMPSE_MAX_MEGAPIXELS"] = "100"
    with tempfile.TemporaryDirectory() as folder:
        small, kinds = blobs(Path(folder), 8), large(Path(folder))
        with page() as (server, url, _):
            storm(url, small, 8)
            before = most = memory_mb(server.pid)
            done = threading.Event()

            def watch() -> None:
                nonlocal most
                while not done.wait(EVERY):
                    most = max(most, memory_mb(server.pid))

            watching = threading.Thread(target=watch)
            watching.start()
            outcomes = storm(url, list(itertools.islice(itertools.cycle(kinds), options.photos)), options.photos)
            done.set()
            watching.join()
            time.sleep(options.wait)
            after = memory_mb(server.pid)
    print(json.dumps({
        "megabytes_a_file": {path.name: round(size / 1e6) for path, size in kinds.items()},
        **{name: sum(outcome == name for outcome, _ in outcomes) for name in ("answered", "busy", "failed")},
        "slowest_seconds": round(max(seconds for _, seconds in outcomes), 1),
        "memory_mb": {"before": round(before), "most": round(most), "after": round(after)},
        "after_to_before": round(after / before, 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
