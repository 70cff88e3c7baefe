"""The processes of a run of the captioner: started, looked at, ended. For `at_scale.py`; no benchmark itself."""

import atexit
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def start(log: Path, *arguments) -> subprocess.Popen:
    """`python -m captioner`, as typed; what it says goes to a file. It ends with this script."""
    command = [sys.executable, "-m", "captioner", *map(str, arguments)]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
    atexit.register(end, process)
    return process


def start_ray(shards: Path, out: Path, workers: int, *options) -> subprocess.Popen:
    return start(out.with_suffix(".log"), shards, "--engine", "ray", "--workers", workers, "--out", out, *options)


def end(process: subprocess.Popen) -> None:
    """Kill a run and its processes, where it still goes on."""
    for one in family(process) if process.poll() is None else ():
        with suppress(psutil.Error):
            one.kill()


def last_line(log: Path) -> str:
    """What a run said last."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else ""


class Lines:
    """Counts the lines of a file that grows, each once."""

    def __init__(self, file: Path):
        self.file, self.count, self.place = file, 0, 0

    def __call__(self) -> int:
        if self.file.exists():
            with self.file.open("rb") as file:
                file.seek(self.place)
                new = file.read()
            self.count, self.place = self.count + new.count(b"\n"), self.place + len(new)
        return self.count


def family(process: subprocess.Popen) -> Iterator[psutil.Process]:
    """A run's processes."""
    try:
        first = psutil.Process(process.pid)
        yield from (first, *first.children(recursive=True))
    except psutil.NoSuchProcess:
        return


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes that hold a model: all that Ray names for Ray Data's work."""
    found = []
    for one in family(process):
        try:
            found += [one] if "MapWorker" in " ".join(one.cmdline()) else []
        except psutil.Error:
            continue
    return found


def memory(process: subprocess.Popen) -> dict[str, int]:
    """MB of a run's own memory, of all its processes and of the largest."""
    sizes = [0]
    for one in family(process):
        try:
            status = Path(f"/proc/{one.pid}/status").read_text()
        except OSError:  # it has just ended
            continue
        sizes += [int(line.split()[1]) // 1000 for line in status.splitlines() if line.startswith("RssAnon")]
    return {"all_mb": sum(sizes), "largest_mb": max(sizes)}


def processor(process: subprocess.Popen) -> float:
    """Seconds of processors that a run's processes have taken so far."""
    spent = 0.0
    for one in family(process):
        with suppress(psutil.Error):
            spent += sum(one.cpu_times()[:2])
    return spent
