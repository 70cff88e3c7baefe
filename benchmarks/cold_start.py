"""`python -m captioner PHOTO` from nothing: seconds and peak memory of the whole process.

python benchmarks/cold_start.py [--model DIR]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from serving import blobs

ROUNDS = 5


def once(photo: Path, model: str) -> tuple[float, float]:
    """(seconds, peak memory in GB) of one run."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "captioner", str(photo), "--model", model]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with status {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--model", default="bundled-captioner")
    model = options.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        photo = blobs(Path(folder), 1)[0]
        once(photo, model)
        runs = [once(photo, model) for _ in range(ROUNDS)]
    print(json.dumps({
        "seconds": round(statistics.median(s for s, _ in runs), 2),
        "peak_memory_gb": round(max(m for _, m in runs), 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
