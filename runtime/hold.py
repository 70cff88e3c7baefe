"""A file that one process holds at a time; the system lets go of it when the process ends, whatever ended it."""

from typing import IO

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows, where nobody is told of another
    flock = None


def hold(file: IO) -> bool:
    """Hold an open file until it is closed; False where another process, or another opening of it, does."""
    try:
        if flock:
            flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True
