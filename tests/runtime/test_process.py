"""Processes: one that runs, one that ended, one that nobody has waited for, and another with the same number."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from runtime.process import is_running, start_time


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_process_is_known_by_its_number_and_start(child):
    began = start_time(child.pid)
    assert abs(began - time.time()) < 60 and start_time() == start_time(os.getpid()) <= began
    assert is_running(child.pid, began) and is_running(child.pid, began + 0.5)
    assert not is_running(child.pid, began - 60), "another process had the number a minute before"


def test_an_ended_process_is_not_running_though_nobody_waited_for_it(child):
    began = start_time(child.pid)
    child.kill()
    end = time.monotonic() + 30
    while is_running(child.pid, began):
        assert time.monotonic() < end
    if os.name == "posix":
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    child.wait()
    assert start_time(child.pid) is None and not is_running(child.pid, began)


@pytest.mark.parametrize(("pid", "started"), [(None, 1.0), (1, None), (-1, 1.0), (2**70, 1.0)])
def test_what_is_no_process_is_not_running(pid, started):
    assert not is_running(pid, started)
