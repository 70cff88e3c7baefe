"""Photos decoded in processes of their own: what takes too long or too much is ended there, and nothing else with it.

The processes start when a photo needs one and stay while there is work. A photo waits for its turn; how many pixels are
in work at once is limited, over all threads.
"""

import atexit
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore, Condition, Lock, Timer

from PIL import Image

from .decode_worker import bands
from .decoding import DecodeError

PROCESSES = max(2, min(4, os.cpu_count() or 1))
MAX_MEGAPIXELS_AT_WORK = 100  # in work at once
CPU_SECONDS = 10  # of a processor, for one photo
STEP_TIMEOUT = 6 * CPU_SECONDS  # by the clock, for each of the two steps: the processor may be busy with other things
IDLE_SECONDS = 20  # seconds without work, after which processes end and memory is given back
PIPE_BYTES = 1 << 20  # bytes: a small photo goes through at once, and nobody waits for anybody
ROOT = Path(__file__).resolve().parents[1]

TIMED_OUT = f"takes too long to decode (more than {CPU_SECONDS} seconds); save it as a plain JPEG first."
CRASHED = "made its decoder break off; it is damaged, or needs too much memory: save it as a plain JPEG first."


class Budget:
    """A weighted semaphore: at most `total` is reserved at once by all threads; a larger request waits to be alone."""

    def __init__(self, total: float):
        self._total = self._free = total
        self._changed, self._first = Condition(), Lock()

    @contextmanager
    def reserve(self, amount: float) -> Iterator[None]:
        amount = min(amount, self._total)
        with self._first, self._changed:  # in the order in which they came, so that the large have their turn
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify()


class DecodeProcess:
    """One `encoders.decode_worker`."""

    def __init__(self):
        # Large pieces of memory go back to the system as soon as they are free; threads share one heap.
        memory = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "encoders.decode_worker"], cwd=ROOT, env=os.environ | memory,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                pipesize=PIPE_BYTES,
            )  # fmt: skip
        except OSError as error:
            raise DecodeError(f"cannot be decoded, because no process could be started for it ({error}).") from None

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        with suppress(OSError):  # what it was asked and has not read
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def pixels(self, data: bytes, limit: int, min_side: int | None) -> int:
        """Send a file's bytes to be decoded; the number of pixels that its header gives comes back.

        Raises:
            Undecodable: as `finish` does. The process has ended then, or waits for another file.
        """
        asked = {"bytes": len(data), "limit": limit, "seconds": CPU_SECONDS, "min_side": min_side}
        with self._deadline():
            self._send(json.dumps(asked).encode() + b"\n" + data)
            return self._answer()["pixels"]

    def finish(self) -> Image.Image:
        """Have the file that was sent decoded; the photo comes back. Raises as `pixels` does."""
        with self._deadline():
            self._send(b"\n")
            image = Image.new("RGB", tuple(self._answer()["size"]))
            for left, top, right, bottom in bands(image.size):
                rows = self._process.stdout.read(3 * (right - left) * (bottom - top))
                if len(rows) < 3 * (right - left) * (bottom - top):
                    raise EOFError
                image.paste(Image.frombytes("RGB", (right - left, bottom - top), rows), (left, top))
        return image

    def _send(self, message: bytes) -> None:
        self._process.stdin.write(message)
        self._process.stdin.flush()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        if "why" in (answer := json.loads(line)):
            raise DecodeError(answer["why"])
        return answer

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        late = []
        timer = Timer(STEP_TIMEOUT, lambda: (late.append(True), self._process.kill()))
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError):
            spent = self._process.wait() == -getattr(signal, "SIGXCPU", 0) or late
            raise DecodeError(TIMED_OUT if spent else CRASHED) from None
        finally:
            timer.cancel()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None


class Pool:
    """Processes kept for the next photo, at most `most` at work at once; none when there was no work for a while."""

    def __init__(self, most: int = PROCESSES):
        self._turns, self._budget = BoundedSemaphore(most), Budget(MAX_MEGAPIXELS_AT_WORK)
        self._lock, self._idle, self._idle_timer = Lock(), [], None

    def decode(self, data: bytes, limit: int, min_side: int | None) -> Image.Image:
        """Decode a file's bytes in a process of the pool; arguments and result as of `decoding.decode`.

        Raises:
            Undecodable: why not; also where it takes too much time or memory.
        """
        with self._turns:
            process = self._acquire()
            try:
                megapixels = process.pixels(data, limit, min_side) / 1e6
                with self._budget.reserve(megapixels):
                    photo = process.finish()
            except DecodeError:
                self._release(process)
                raise
            except BaseException:  # it may be in the middle of an answer
                process.close()
                raise
            self._release(process)
            return photo

    def _acquire(self) -> DecodeProcess:
        with self._lock:
            while self._idle:
                if (process := self._idle.pop()).alive:
                    return process
                process.close()  # somebody has ended it
        return DecodeProcess()

    def _release(self, process: DecodeProcess) -> None:
        if not process.alive:
            return process.close()
        with self._lock:
            self._idle.append(process)
            if self._idle_timer:
                self._idle_timer.cancel()
            self._idle_timer = Timer(IDLE_SECONDS, self._stop_idle)
            self._idle_timer.daemon = True
            self._idle_timer.start()
        return None

    def _stop_idle(self) -> None:
        self.close()
        trim_memory()

    def close(self) -> None:
        """End the processes that are idle."""
        with self._lock:
            if self._idle_timer:
                self._idle_timer.cancel()
            while self._idle:
                self._idle.pop().close()


def trim_memory() -> None:
    """Return this process's free heap memory to the system (glibc's `malloc_trim`): large files leave much of it."""
    with suppress(AttributeError, OSError, TypeError):  # it is another library than glibc, which needs no telling
        ctypes.CDLL(None).malloc_trim(0)


pool = Pool()
atexit.register(lambda: pool.close())


def _reset_after_fork() -> None:
    global pool
    pool = Pool()  # those of the process that was forked are not ours


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
