"""The page under load: 200 captions asked for by 20 clients at once, and the memory that the server keeps of them.

    python benchmarks/load.py [--requests N] [--clients N] [--beside COMMAND]

Every request has to answer or to say that the page is busy; waits are those of the answered ones. Another command can
run meanwhile, and is ended with the page: `--beside "python -m training captioner --data DATA --out DIR"`. Memory is
that of the server's process, before and after, each when it has been left alone for a while and after a first round
that warms it. Needs Linux (reads /proc).
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from page_server import page, processor_seconds
from serving import blobs

SETTLE = 5  # seconds
DEFAULTS = [3, False, 1.0, 0, 1.0, 3, 30, 1]  # what `/caption` takes beside the photo


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def caption(url: str, photo: Path) -> tuple[str, float]:
    """Upload a photo and wait for its caption: (answered, busy, or what went wrong instead; seconds)."""
    start = time.perf_counter()
    try:
        return ask(url, photo), time.perf_counter() - start
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}", time.perf_counter() - start


def ask(url: str, photo: Path) -> str:
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=120) as client:
        with photo.open("rb") as file:
            path = client.post("/upload", files={"files": file}).json()[0]
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, *DEFAULTS]
        asked = client.post("/call/caption", json={"data": data})
        if asked.status_code == 503:
            return "busy"
        events = client.get(f"/call/caption/{asked.json()['event_id']}").text
    return "answered" if "event: complete" in events and '"caption"' in events else events.strip()


def load_test(url: str, photos: list[Path], clients: int) -> list[tuple[str, float]]:
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda photo: caption(url, photo), photos))


@contextmanager
def run_alongside(command: str | None) -> Iterator[None]:
    """Another command that runs meanwhile; what it says goes to standard error."""
    if command is None:
        yield
        return
    with subprocess.Popen(shlex.split(command), stdout=sys.stderr) as process:
        try:
            yield
            if process.poll() is not None:
                raise SystemExit(f"{command} ended (status {process.returncode}) before the page was measured")
        finally:
            process.terminate()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--requests", type=int, default=200)
    options.add_argument("--clients", type=int, default=20)
    options.add_argument("--beside", metavar="COMMAND", help="what runs meanwhile, such as a training")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, page() as (server, url, _), run_alongside(options.beside):
        photos = blobs(Path(folder), options.requests)
        load_test(url, photos[: 2 * options.clients], options.clients)
        time.sleep(SETTLE)
        before, taken, start = memory_mb(server.pid), processor_seconds(server.pid), time.perf_counter()
        outcomes = load_test(url, photos, options.clients)
        seconds, taken = time.perf_counter() - start, processor_seconds(server.pid) - taken
        time.sleep(SETTLE)
        after = memory_mb(server.pid)
    waits = [wait for outcome, wait in outcomes if outcome == "answered"]
    counts = {name: sum(outcome == name for outcome, _ in outcomes) for name in ("answered", "busy")}
    errors = [outcome for outcome, _ in outcomes if outcome not in counts]
    print(json.dumps(counts | {
        "failed": len(errors), "errors": sorted(set(errors)),
        "median_seconds": round(statistics.median(waits), 3) if waits else None,
        "p95_seconds": round(statistics.quantiles(waits, n=20)[-1], 3) if len(waits) > 1 else None,
        "slowest_seconds": round(max(waits), 3) if waits else None,
        "requests_per_second": round(len(outcomes) / seconds, 1),
        "processor_ms_per_request": round(1000 * taken / len(outcomes), 1),
        "memory_mb_before": round(before), "memory_mb_after": round(after), "memory_ratio": round(after / before, 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
