"""SIGTERM and Ctrl-C set a flag, which the loop reads between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Set once the process is asked to stop; asked again, it ends at once. In a thread that gets no signals, never."""
    stop_requested, before = threading.Event(), {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number, frame) -> None:
        stop_requested.set()
        restore()

    if threading.current_thread() is threading.main_thread():
        before.update({number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)})
    try:
        yield stop_requested
    finally:
        restore()
