"""`status.json`: what a run is doing, how it ended, and that its folder is its own."""

import json
import multiprocessing
import os
import time

import pytest

from runtime.errors import DataError, SettingError, WriteError
from runtime.process import start_time
from training.loop import status
from training.loop.report import report_progress, report_status
from training.loop.status import STATUS, RunError, Status, read_status, write_status
from training.loop.task import Epoch, Step

STEP = Step(1, 3, 10, 2.5, 0.1, 5.0, 70.0)


def test_a_run_that_starts_is_known_by_its_process(tmp_path):
    with report_status(tmp_path / "new" / "out"):
        now = read_status(tmp_path / "new" / "out")
    assert (now.state, now.pid, now.step, now.error) == ("starting", os.getpid(), None, None)
    assert now.process_started == start_time() < now.updated


def test_steps_are_its_progress_and_records_pass_unchanged(tmp_path):
    records = [STEP, Epoch(1, 2, {"score": 1.0}, True)]
    with report_status(tmp_path):
        assert list(report_progress(iter(records), tmp_path)) == records
        now = read_status(tmp_path)
        assert now.state == "running" and (now.step["step"], now.step["left"]) == (3, 70.0)
    now = read_status(tmp_path)
    assert now.state == "done" and now.step["step"] == 3, "how far it came stays"


@pytest.mark.parametrize(
    ("error", "state", "code", "sentence"),
    [
        (DataError("no photo; give one."), "failed", "data", "no photo; give one."),
        (WriteError("no room."), "failed", "write", "no room."),
        (MemoryError(), "failed", "MemoryError", "the run ended with MemoryError (no more is known); its output has"),
        (RuntimeError("CUDA\nout"), "failed", "RuntimeError", "the run ended with RuntimeError (CUDA out); its output"),
        (KeyboardInterrupt(), "stopped", None, None),
        (SystemExit(130), "stopped", None, None),
    ],
)
def test_an_end_is_told_by_state_and_code_and_goes_on_as_it_was(tmp_path, error, state, code, sentence):
    with pytest.raises(type(error)), report_status(tmp_path):
        raise error
    now = read_status(tmp_path)
    assert now.state == state and (now.error and now.error.code) == code
    assert sentence is None or now.error.sentence.startswith(sentence)
    with report_status(tmp_path):
        assert read_status(tmp_path).error is None, "a run that goes on has no error yet"


def _train(out, started):
    with report_status(out):
        started.set()
        time.sleep(60)


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    processes = multiprocessing.get_context("forkserver")
    started = processes.Event()
    first = processes.Process(target=_train, args=(tmp_path, started))
    first.start()
    assert started.wait(60)
    with pytest.raises(SettingError, match="another run is training in"), report_status(tmp_path):
        pytest.fail("it began")
    assert read_status(tmp_path).pid == first.pid, "the refused one leaves no trace"
    first.kill()  # as if by kill -9: nobody unlocks
    first.join()
    assert read_status(tmp_path).state == "starting"
    with report_status(tmp_path):
        assert read_status(tmp_path).pid == os.getpid()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"state": "done"}', '{"pid": 1, "error": "x"}'])
def test_a_damaged_status_is_none(tmp_path, text):
    assert read_status(tmp_path) is None
    (tmp_path / STATUS).write_text(text)
    assert read_status(tmp_path) is None


def test_every_field_survives_json(tmp_path):
    told = Status("failed", 7, 1.5, {"epoch": 1}, RunError("data", "no."))
    write_status(tmp_path, told)
    again = read_status(tmp_path)
    assert again.updated > 0 and again == Status(**{**vars(told), "updated": again.updated})
    assert json.loads((tmp_path / STATUS).read_text())["error"] == {"code": "data", "sentence": "no."}


def test_a_disk_that_fills_meanwhile_does_not_end_the_run_here(tmp_path, monkeypatch):
    def full(*_):
        raise WriteError("no room.")

    with report_status(tmp_path):
        monkeypatch.setattr(status, "write_json", full)
        assert list(report_progress([STEP], tmp_path)) == [STEP]
    assert read_status(tmp_path).state == "starting"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        refused = pytest.raises(WriteError, match=r"file.* cannot be written \(.*\); give another folder as --out")
        with refused, report_status(out):
            pytest.fail("it began")
