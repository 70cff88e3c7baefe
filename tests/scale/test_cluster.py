"""Ray itself: the rows are those of one process, although a worker is killed, and then the whole run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scale_toys import photos, rows_of, tar_of, work_here

from captioner.at_scale import Captions
from scale.folder import claim_folder
from scale.parts import parts_of

pytestmark = pytest.mark.slow  # Ray takes ten seconds to start, and a minute where cores are few
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shards(tmp_path) -> Path:
    """Four shards, each a second's work and more."""
    for shard in range(4):
        some = {f"{shard}-{n}-{name}": data for n in range(3) for name, data in photos().items()}
        tar_of(tmp_path / f"shards/{shard}.tar", some)
    return tmp_path / "shards"


def start(shards: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "captioner", shards, "--engine", "ray", "--workers", "2", "--out", out]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_work(out: Path) -> None:
    """Return when a worker is within a part."""
    began = time.monotonic()
    while not list(out.glob(".part-*.writing")):
        assert time.monotonic() - began < 600
        time.sleep(0.02)


def test_rows_are_each_there_once_although_a_worker_and_the_run_are_killed(shards, tmp_path, monkeypatch):
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("ray")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    parts, out = parts_of([str(shards)]), tmp_path / "out"
    with claim_folder(tmp_path / "here", Captions(), parts, None) as todo:
        assert (
            sum(d.failed for d in work_here(todo, Captions(), tmp_path / "here", workers=1, address=None, column=None))
            == 12
        )

    first = start(shards, out)
    wait_for_work(out)
    worker = next(p for p in psutil.Process(first.pid).children(recursive=True) if "MapWorker" in " ".join(p.cmdline()))
    worker.kill()
    while not list(out.glob("part-*.parquet")):
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()

    second = start(shards, out)
    printed, said = second.communicate(timeout=900)
    assert (second.returncode, printed) == (1, ""), said
    lines = said.splitlines()
    assert "parts are in" in lines[0] and "were written to" in lines[1] and "could not be opened" in lines[2]
    assert len(lines) == 3, "Ray says nothing of itself"
    assert rows_of(out) == rows_of(tmp_path / "here") and len(rows_of(out)) == 108
