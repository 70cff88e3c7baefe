"""What a visitor waits for: `python app.py` until its page is served, then the first caption, and each one after it.

    python benchmarks/page_server.py [--rounds N]

The page is asked over its API on loopback, as `gradio_client` asks it; the photo is made up, 640 x 480. Seconds are by
the clock; those of a processor are what the server itself took until then, for a machine that has other things to do.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from gradio_client import Client, handle_file
from serving import blobs

ROOT = Path(__file__).resolve().parents[1]
CAPTIONS = 20


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def page() -> Iterator[tuple[subprocess.Popen, str, float]]:
    """The page's process, its address, and the seconds from its start to its first answer."""
    url, start = f"http://127.0.0.1:{(port := free_port())}", time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield server, url, first_answer(server, url) - start
        finally:
            server.terminate()


def first_answer(server: subprocess.Popen, url: str) -> float:
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url) as answer:
                answer.read()
                return time.perf_counter()
        except urllib.error.URLError:
            time.sleep(0.02)
    raise SystemExit("app.py did not start; run it to see why")


def processor_seconds(pid: int) -> float:
    """What a process has taken of the processors so far."""
    taken = psutil.Process(pid).cpu_times()
    return taken.user + taken.system


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5, help="starts of the page")
    rounds = options.parse_args().rounds
    starts, taken, firsts, captions = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        photo = blobs(Path(folder), 1)[0]
        for _ in range(rounds):
            with page() as (server, url, seconds):
                starts.append(seconds)
                taken.append(processor_seconds(server.pid))
                client = Client(url, verbose=False)
                for first in (True, *[False] * CAPTIONS):
                    start = time.perf_counter()
                    client.predict(handle_file(photo), api_name="/caption")
                    (firsts if first else captions).append(time.perf_counter() - start)
    print(json.dumps({
        "start_seconds": round(statistics.median(starts), 2),
        "start_processor_seconds": round(statistics.median(taken), 2),
        "first_caption_seconds": round(statistics.median(firsts), 3),
        "caption_seconds": round(statistics.median(captions), 3),
        "slowest_caption_seconds": round(max(captions), 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
