"""Killed at any moment, stopped by a signal, out of disk: a run goes on to the result it would have had."""

import errno
import multiprocessing
import os
import random
import signal
import sys
from pathlib import Path

import pytest
import torch
from captioner_toys import new
from loop_toys import QUICK, Line, weights
from toys import coco_folder

from runtime.errors import GlimpseError
from training.commands.show import line
from training.config.fit import FitSettings
from training.config.task import CaptionSettings
from training.loop import fit as loop
from training.loop.fit import fit
from training.loop.task import Epoch, Stopped
from training.readers import read_captions
from training.tasks.captioner import CaptionTask

OFTEN = FitSettings(**QUICK, save_minutes=0)  # after every step
KILLS = 10


def train(data: Path, out: Path, calls: int | None, counted) -> None:
    """Train a small captioner; end with a kill -9 after so many calls of any function, of Python's or C's."""
    torch.set_num_threads(1)
    records = read_captions(data).records
    settings = CaptionSettings(batch=9, beam=1)
    task = CaptionTask(new(records), records, settings, epochs=3, seed=1, cache=data / "cache")
    list(task.prepare())

    def count(frame, event, argument):
        counted.value += 1
        if counted.value == calls:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    list(fit(task, OFTEN, out, resume=(out / "resume.pt").exists()))


def written(out: Path) -> dict[str, bytes]:
    files = ("log.jsonl", "best/model.safetensors", "best/config.json", "last/model.safetensors", "last/config.json")
    return {name: (out / name).read_bytes() for name in files}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 on this system")
def test_killed_at_ten_random_moments_a_run_gives_the_same_bit_for_bit(tmp_path):
    processes = multiprocessing.get_context("forkserver")  # imports once, and forks for each run
    imported = ["training.tasks.captioner", "training.loop.fit", "torch._dynamo", "torch.utils.tensorboard"]
    processes.set_forkserver_preload(imported)
    data = coco_folder(tmp_path / "data")

    def run(out: Path, calls: int | None) -> tuple[int, int]:
        counted = processes.Value("q", 0, lock=False)
        process = processes.Process(target=train, args=(data, out, calls, counted))
        process.start()
        process.join()
        return process.exitcode, counted.value

    status, calls = run(tmp_path / "whole", None)
    assert status == 0
    moments = random.Random(1)
    for _ in range(KILLS):
        status, _ = run(tmp_path / "killed", moments.randrange(calls // 8))
        assert status == -signal.SIGKILL, "the run came to its end before it was killed ten times"
    assert run(tmp_path / "killed", None)[0] == 0
    assert written(tmp_path / "killed") == written(tmp_path / "whole")


class Signalled(Line):
    """Gets a signal in the middle of its fourth step."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def batch(self, epoch, step, *part):
        if (epoch, step) == (0, 3):
            os.kill(os.getpid(), self.number)
        return super().batch(epoch, step, *part)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_saves_its_step_and_goes_on_from_there(tmp_path, number):
    settings = FitSettings(**QUICK)  # saves by itself only once an epoch
    whole, rest = Line(), Line()
    list(fit(whole, settings, tmp_path / "whole"))
    before = signal.getsignal(number)
    *_, last = fit(Signalled(number), settings, tmp_path / "parts")
    assert last == Stopped(1, 4, 5) and signal.getsignal(number) == before
    assert line(last) == "stopped in epoch 1, step 4 of 5; all of it is saved: go on with --resume."
    taken = []
    rest.batch = lambda *where: taken.append(where[:2]) or Line.batch(rest, *where)
    list(fit(rest, settings, tmp_path / "parts", resume=True))
    assert taken[0] == (0, 4) and torch.equal(weights(whole), weights(rest))


def test_a_stop_in_the_last_step_is_an_end(tmp_path):
    class Late(Line):
        def validate(self):
            os.kill(os.getpid(), signal.SIGTERM)
            return {"score": 1.0}

    *_, last = fit(Late(), FitSettings(**QUICK | {"epochs": 1}), tmp_path)
    assert isinstance(last, Epoch)


def test_a_full_disk_stops_with_a_sentence_and_loses_nothing(tmp_path, monkeypatch):
    whole, rest = Line(), Line()
    list(fit(whole, OFTEN, tmp_path / "whole"))
    saves, save = [], loop.save_state

    def full(*what):
        saves.append(what)
        if len(saves) == 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(*what)

    monkeypatch.setattr(loop, "save_state", full)
    with pytest.raises(GlimpseError, match=r"No space left on device\); what it had saved is whole") as error:
        list(fit(Line(), OFTEN, tmp_path / "parts"))
    assert "\n" not in str(error.value)
    list(fit(rest, OFTEN, tmp_path / "parts", resume=True))
    assert torch.equal(weights(whole), weights(rest))


def test_a_file_that_may_not_grow_leaves_the_one_before(tmp_path):
    resource = pytest.importorskip("resource")
    run = fit(Line(), OFTEN, tmp_path)
    next(run)
    run.close()
    before = (tmp_path / "resume.pt").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(GlimpseError, match="File too large"):
            list(fit(Line(), OFTEN, tmp_path, resume=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "resume.pt").read_bytes() == before
    assert not (tmp_path / ".resume.pt.writing").exists()


def test_a_damaged_state_and_other_data_are_told(tmp_path):
    list(fit(Line(), OFTEN, tmp_path))
    longer = Line()
    longer.steps = 6
    with pytest.raises(GlimpseError, match=r"steps in an epoch \(was 5, now 6\)"):
        list(fit(longer, OFTEN, tmp_path, resume=True))
    state = tmp_path / "resume.pt"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(GlimpseError, match="is damaged"):
        list(fit(Line(), OFTEN, tmp_path, resume=True))


def test_a_photo_that_goes_away_is_left_out_with_a_sentence(tmp_path):
    records = read_captions(coco_folder(tmp_path / "data")).records
    task = CaptionTask(new(records), records, CaptionSettings(batch=8, beam=1), epochs=1, seed=1, cache=tmp_path / "c")
    task.records[3].image.unlink()
    list(task.prepare())
    assert list(task.source.bad) == [3] and "does not exist" in task.source.bad[3]
    assert 3 not in task.train_rows.tolist() and len(task.train_rows) == 23
    list(fit(task, FitSettings(epochs=1, precision="32"), tmp_path / "run"))
