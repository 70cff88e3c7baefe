"""The work given to processes by Ray Data, on this computer or on a cluster's. The one file that knows Ray.

A row of Ray's data set is a part's name, so photos and what is made of them never travel between processes: each worker
reads its part and writes it itself. Ray Data keeps the workers, hands out parts as they become free, and gives a killed
worker's part to another.
"""

import logging
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from runtime.errors import GlimpseError, SettingError, printable

from .folder import part_file
from .job import Job, write_part
from .parts import Part

MAX_ATTEMPTS = 5  # workers that may end over one part
BLOCKS = 10_000  # pieces that Ray keeps account of; a part each, where there are no more
CONNECT_TIMEOUT = 10  # seconds for a cluster's address to answer
CLIENT = "ray://"
# How gRPC, and so Ray, begins to speak (RFC 9113, 3.4): the preface of HTTP/2 and an empty frame of settings.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5)
_FRAME, _KIND, _SETTINGS = 9, 3, b"\4"  # bytes of a frame's head, where its kind is, and the kind that answers
_RAISED = re.compile(r"[\w.]*(Error|Exception): ")  # how a traceback ends
ROOT = Path(__file__).resolve().parents[1]


class PartResult(NamedTuple):
    """What became of one part.

    Attributes:
        photos, failed: how many it had, and how many of these could not be opened.
        error: why it was not written, in a sentence; None where it was.
    """

    part: int
    photos: int
    failed: int
    error: str | None


class Worker:
    """One process of Ray's: loads the model once, then works on a part at each call."""

    def __init__(self, job: Job, folder: str, column: str | None):
        self.job, self.folder, self.column = job, Path(folder), column
        os.environ["OMP_NUM_THREADS"] = "1"  # Ray counts a core for it, and other workers have the others

    @cached_property
    def work(self):
        """The model's; loaded at the first call, since Ray would try again and again what cannot be made."""
        return self.job.start()

    def __call__(self, batch: dict) -> dict:
        self.work  # noqa: B018 - what is wrong with a model ends the run, and not only a part
        done = [self._process(Part.from_json(str(text))) for text in batch["part"]]
        return {name: [getattr(one, name) for one in done] for name in PartResult._fields}

    def _process(self, part: Part) -> PartResult:
        file = part_file(self.folder, part)
        if file.exists():  # the worker ended between its last rename and its answer
            return PartResult(part.number, 0, 0, None)
        tries = file.with_name(f".{file.stem}.tries")
        try:
            count_try(tries)
            photos, failed = write_part(part, file, self.job, self.work, column=self.column)
            tries.unlink(missing_ok=True)
            return PartResult(part.number, photos, failed, None)
        except Exception as error:  # whatever it is, the other parts go on
            return PartResult(part.number, 0, 0, f"part {part.number} ({part.about}) was not done: {reason(error)}")


def count_try(tries: Path) -> None:
    """Count in a file that a worker begins on a part; who has done it deletes the file.

    Raises:
        SettingError: MAX_ATTEMPTS workers have ended over it.
    """
    with tries.open("a+b") as log:
        log.write(b".")
        count = log.tell()
    if count > MAX_ATTEMPTS:
        raise SettingError(f"{count - 1} workers ended over it; give them more memory, or leave it out.")


def reason(error: Exception) -> str:
    """Why a part was not done, for a sentence."""
    return printable(str(error) if isinstance(error, GlimpseError) else f"{type(error).__name__}: {error}")


def process_parts(
    parts: Sequence[Part], job: Job, folder: Path, *, workers: int | None, address: str | None, column: str | None
) -> Iterator[PartResult]:
    """Work on parts, in any order, and yield what became of each as soon as that is known; `spread` says how."""
    names = [part.to_json() for part in parts]
    for done in spread(names, Worker, job, str(folder.resolve()), column, workers=workers, address=address):
        yield PartResult(**done)


def spread(
    parts: Sequence[str | bytes], worker: type, *made_with, workers: int | None, address: str | None
) -> Iterator[dict]:
    """Give parts to workers, in any order, and yield what a worker returns of each as soon as that is known.

    Args:
        parts: whatever tells a worker what to do.
        worker: a class, made with `made_with` once in each process, and then called with `{"part": [one of parts]}`;
            it returns a list of one for each name, and raises only what would end the run.
        workers: processes; unless given, one for each core of this computer or of the cluster.
        address: of a running cluster; unless given, one is started on this computer, and ended at the end.

    Raises:
        SettingError: the address does not answer, or has fewer cores than workers are asked for; or no worker can be
            started.
    """
    with _connected(workers, address) as cores:
        if (workers or 0) > cores:
            raise SettingError(f"the cluster has {cores} cores, and each of {workers} workers takes one; ask for less.")
        workers = min(workers or cores, len(parts))
        from ray.exceptions import RayError

        through = _lead_remotely if (address or "").startswith(CLIENT) else _lead_locally
        try:
            yield from through(parts, workers, worker, *made_with)
        except RayError as error:
            raise SettingError(f"the workers cannot go on ({_reason(error)}); each machine needs this version of "
                               "Glimpse with '.[scale]', the model, and the folders named.") from None  # fmt: skip


def _lead_locally(parts: Sequence[str | bytes], workers: int, worker: type, *made_with) -> Iterator[dict]:
    """Ray Data at work, led by this process."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.actor_init_retry_on_errors = False
    data = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=min(len(parts), BLOCKS))
    pool = ray.data.ActorPoolStrategy(size=workers)
    data = data.map_batches(worker, fn_constructor_args=made_with, batch_size=1, num_cpus=1, compute=pool)
    yield from data.iter_rows()


class _Leader:
    """A process of the cluster that leads Ray Data there."""

    def __init__(self, *what):
        self.done = _lead_locally(*what)

    def next(self) -> dict | None:
        return next(self.done, None)


def _lead_remotely(*what) -> Iterator[dict]:
    """The same, led by a process of the cluster: Ray Data does not work through Ray's client."""
    import ray

    leader = ray.remote(num_cpus=0)(_Leader).remote(*what)
    while (done := ray.get(leader.next.remote())) is not None:
        yield done


@contextmanager
def _connected(workers: int | None, address: str | None) -> Iterator[int]:
    """Be connected to a cluster; how many cores it has."""
    os.environ |= {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_USAGE_STATS_ENABLED": "0"}
    if address:
        _require_reachable(address)
    else:  # processes find this package as this one did
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    import ray.data

    for name in ("ray", "ray.data"):  # what they say of themselves is no use to a user; what goes wrong is raised
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    try:
        with _stderr_silenced():
            if address:
                ray.init(address, **quiet)
            else:
                ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = printable(address) if address else "Ray"
        raise SettingError(f"{where} cannot be used ({_reason(error)}); see `ray status`, and that it is the same "
                           "version there.") from None  # fmt: skip
    try:
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()


@contextmanager
def _stderr_silenced() -> Iterator[None]:
    """Silence standard error: Ray's core writes there whatever its log level."""
    error, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(error, 2)
        os.close(error)
        os.close(nowhere)


def _require_reachable(address: str) -> None:
    """Refuse an address where nothing answers; Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].partition("/")[0].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT) as there:
            if not os.environ.get("RAY_USE_TLS"):
                there.sendall(_HELLO)
                if there.recv(_FRAME)[_KIND:][:1] != _SETTINGS:
                    raise ConnectionError("what answers is not Ray")
    except (OSError, ValueError) as error:
        raise SettingError(f"no Ray cluster answers at {printable(address)} ({error}); give --address HOST:6379 of a "
                           "machine where `ray start --head` runs, or ray://HOST:10001.") from None  # fmt: skip


def _reason(error: BaseException) -> str:
    """What went wrong: Ray wraps one error in another, holds tracebacks in messages, and adds advice behind them."""
    error = error.__cause__ if str(error.__cause__ or "") else error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    others = [line for line in raised if not line.startswith("ray.")]
    return printable(
        (others or raised or lines or [type(error).__name__])[-1].rpartition("ray.exceptions.")[2].rstrip(".")
    )
