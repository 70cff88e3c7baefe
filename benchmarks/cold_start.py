"""`python -m captioner PHOTO` and `python -m vqa PHOTO QUESTION` from nothing: seconds and peak memory of the process.

python benchmarks/cold_start.py [--engine onnx|torch] [--captioner DIR] [--vqa DIR]
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


def run_once(arguments: list[str]) -> tuple[float, float]:
    """(seconds, peak memory in GB) of one run."""
    start = time.perf_counter()
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with status {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--engine", default="onnx")
    options.add_argument("--captioner", default="bundled-captioner")
    options.add_argument("--vqa", default="bundled-vqa")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = str(blobs(Path(folder), 1)[0])
        for package, model, more in (("captioner", options.captioner, []), ("vqa", options.vqa, ["what is it?"])):
            arguments = [package, photo, *more, "--model", model, "--engine", options.engine]
            run_once(arguments)
            runs = [run_once(arguments) for _ in range(ROUNDS)]
            print(json.dumps({
                "command": f"python -m {package}",
                "engine": options.engine,
                "seconds": round(statistics.median(s for s, _ in runs), 2),
                "peak_memory_gb": round(max(m for _, m in runs), 3),
            }))  # fmt: skip


if __name__ == "__main__":
    main()
