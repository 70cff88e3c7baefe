"""Telling one process from another that has its number later."""

import contextlib
import subprocess
from pathlib import Path


def mark(pid: int) -> str | None:
    """When a process started: no other that has or had its number has the same mark. None: it is no more."""
    if Path("/proc/self/stat").exists():
        return _from_proc(pid)
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # a system without /proc, such as macOS
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=True)
        return told.stdout.strip() or None
    return None


def _from_proc(pid: int) -> str | None:
    try:
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state == "Z" else f"{boot} {numbers[18]}"  # Z: it ended, and its parent has not asked how


def is_alive(pid: int, marked: str | None) -> bool:
    """Whether the process that had this mark is still there."""
    return marked is not None and mark(pid) == marked
