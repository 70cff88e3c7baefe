"""What is decoded elsewhere is the same photo; what never ends is ended, told, and nothing else suffers."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from photo_bytes import jpeg_of_scans, png, saved, text_of
from PIL import Image

from encoders import decode_process
from encoders.decode_process import Budget, DecodeProcess, Pool
from encoders.decoding import DecodeError, decode, max_pixels, read_header
from encoders.formats import register_heif
from encoders.images import open_photo
from runtime.errors import PhotoError

LIMIT = 10_000_000
COLOURS = Image.radial_gradient("L").resize((300, 200))
COLOURS = Image.merge("RGB", (COLOURS, COLOURS.rotate(90), COLOURS.point(lambda v: 255 - v)))
TURNED = Image.Exif()
TURNED[0x0112] = 6
register_heif()  # to save one


@pytest.fixture
def pool():
    pool = Pool(2)
    yield pool
    pool.close()


def ended(process: DecodeProcess) -> bool:
    return process._process.wait(10) is not None


finish = DecodeProcess.finish


@pytest.mark.parametrize("min_side", [None, 40])
def test_the_same_photo_as_here(pool: Pool, min_side):
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM"):
        data = saved(COLOURS, format, **{"exif": TURNED} if format in ("JPEG", "PNG", "WEBP") else {})
        here, there = decode(read_header(data, LIMIT), min_side), pool.decode(data, LIMIT, min_side)
        assert here.size == there.size and here.tobytes() == there.tobytes(), format
    assert len(pool._idle) == 1


def test_a_photo_of_many_strips(pool: Pool):
    large = COLOURS.resize((2100, 1500))  # 9.5 MB
    assert pool.decode(saved(large, "BMP"), LIMIT, None).tobytes() == large.tobytes()


def test_why_not_is_told_and_the_process_goes_on(pool: Pool):
    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    kept = pool._idle[0]
    for data, limit, why in (
        (saved(COLOURS, "GIF")[:5000], LIMIT, "damaged or cut short"),
        (saved(COLOURS, "GIF"), 1000, "300 x 200 pixels, more than the 0.001 megapixels"),
        (b"text", LIMIT, "not a picture"),
        (png(1, 1, 8, 2, bytes(4), [text_of(megabytes=700)]), LIMIT, "too much memory"),
    ):
        with pytest.raises(DecodeError, match=why):
            pool.decode(data, limit, None)
    assert pool.decode(saved(COLOURS, "GIF"), LIMIT, None).size == (300, 200) and pool._idle == [kept]


def test_what_takes_too_long_is_ended_and_blocks_nobody(pool: Pool, monkeypatch):
    monkeypatch.setattr(decode_process, "pool", pool)
    monkeypatch.setattr(decode_process, "CPU_SECONDS", 1)
    endless = jpeg_of_scans(3000, (2000, 2000))
    with ThreadPoolExecutor(1) as thread:
        began = time.process_time()
        waiting = thread.submit(open_photo, endless, min_side=64)
        for format in ("JPEG", "GIF"):
            assert open_photo(saved(COLOURS, format)).size == (300, 200) and not waiting.done()
        with pytest.raises(PhotoError, match=r"the uploaded file takes too long to decode .* JPEG first\.$"):
            waiting.result()
    assert time.process_time() - began < 1, "this process did other things"
    assert all(process.alive for process in pool._idle)


def test_by_the_clock_where_the_system_counts_no_time_of_a_processor(pool: Pool, monkeypatch):
    monkeypatch.setattr(decode_process, "STEP_TIMEOUT", 0.5)
    with pytest.raises(DecodeError, match="takes too long"):
        pool.decode(jpeg_of_scans(3000, (2000, 2000)), LIMIT, 64)
    assert pool._idle == []


def test_a_decoder_that_breaks_off_is_told_of(pool: Pool, monkeypatch):
    monkeypatch.setattr(DecodeProcess, "finish", lambda self: self._process.kill() or finish(self))
    with pytest.raises(DecodeError, match="made its decoder break off"):
        pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    monkeypatch.undo()
    assert pool.decode(saved(COLOURS, "GIF"), LIMIT, None).size == (300, 200)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_signals(pool: Pool):
    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    first = pool._idle[0]
    os.kill(first._process.pid, signal.SIGINT)  # as Ctrl-C sends it to all
    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    assert pool._idle == [first]
    os.kill(first._process.pid, signal.SIGKILL)
    ended(first)
    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    assert pool._idle != [first], "no photo is refused because an idle process was ended"


def test_an_interrupted_answer_ends_the_process(pool: Pool, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    process = pool._idle[0]
    monkeypatch.setattr(DecodeProcess, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    assert pool._idle == [] and not process.alive


def test_it_ends_with_the_process_that_started_it():
    process = DecodeProcess()
    process._process.stdin.close()
    assert ended(process)
    process.close()


def test_after_some_time_without_work_processes_end(pool: Pool, monkeypatch):
    given_back = threading.Event()
    monkeypatch.setattr(decode_process, "trim_memory", given_back.set)
    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    assert pool._idle, "not at once"
    monkeypatch.setattr(decode_process, "IDLE_SECONDS", 0.1)
    process = pool._idle[0]
    pool.decode(saved(COLOURS, "GIF"), LIMIT, None)
    # The process's end first: the module's own pool, which other tests used, gives memory back too.
    assert ended(process) and pool._idle == [] and given_back.wait(10)
    assert pool.decode(saved(COLOURS, "GIF"), LIMIT, None).size == (300, 200)


def test_giving_memory_back_does_no_harm_anywhere(monkeypatch):
    decode_process.trim_memory()
    monkeypatch.setattr(decode_process.ctypes, "CDLL", lambda name: object())
    decode_process.trim_memory()


def test_many_threads_share_few_processes(pool: Pool):
    with ThreadPoolExecutor(8) as threads:
        photos = list(threads.map(lambda _: pool.decode(saved(COLOURS, "GIF"), LIMIT, None), range(24)))
    assert len({photo.tobytes() for photo in photos}) == 1 and 1 <= len(pool._idle) <= 2


def test_the_budget_is_kept_and_nobody_waits_for_ever():
    budget, most, now, lock = Budget(10), 0, 0, threading.Lock()

    def work(amount: int) -> None:
        nonlocal most, now
        with budget.reserve(amount):
            with lock:
                now += min(amount, 10)
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= min(amount, 10)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, [1, 4, 99, 3, 10, 2, 6, 5] * 5))
    assert most <= 10 and now == 0
    with pytest.raises(ValueError), budget.reserve(10):
        raise ValueError
    with budget.reserve(10):
        pass


def test_pixels_in_work_are_counted(pool: Pool, monkeypatch):
    taken = []
    monkeypatch.setattr(pool._budget, "reserve", lambda amount: taken.append(amount) or Budget(1).reserve(0))
    pool.decode(saved(COLOURS, "GIF"), max_pixels(), 16)
    assert taken == [0.06]
