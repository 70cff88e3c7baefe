"""Whether a process still runs, told from a later one of the same number by when it started."""

import os

import psutil

CLOCK_TOLERANCE = 2.0  # seconds: a clock that is set by a little moves the times of all processes


def start_time(pid: int | None = None) -> float | None:
    """When a process (this one, unless another is named) started, in seconds since 1970. None: it has ended."""
    try:
        process = psutil.Process(os.getpid() if pid is None else pid)
        # A zombie has ended, and its parent has not asked how.
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (psutil.Error, ValueError, OverflowError):
        return None


def is_running(pid: int | None, started: float | None) -> bool:
    """Whether the process that had this number and started then is still there."""
    if pid is None or started is None:
        return False
    now = start_time(pid)
    return now is not None and abs(now - started) < CLOCK_TOLERANCE
