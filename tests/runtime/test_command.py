"""How every command line ends: all that was said is out, what waits for the end is done, and the status is told."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from runtime.command import USAGE_ERROR, exit_status

PROGRAM = """
import atexit, sys, threading, time
from runtime.command import run
from runtime.errors import GlimpseError

def late():
    time.sleep(0.2)
    print("thread")

def app():
    print("said", end="")
    threading.Thread(target=late).start()
    {}

atexit.register(print, "registered")
run(app)
"""


@pytest.mark.parametrize(
    ("last", "status", "error"),
    [
        ("pass", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(1)", 1, ""),
        ("raise GlimpseError('it is so.')", 2, "error: it is so.\n"),
        ("raise KeyboardInterrupt", 130, "stopped.\n"),
        ("raise ZeroDivisionError", 1, "ZeroDivisionError\n"),
    ],
)
def test_nothing_is_lost_at_the_end(last: str, status: int, error: str):
    program = textwrap.dedent(PROGRAM).format(last)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "saidthread\nregistered\n")
    assert done.stderr.endswith(error) and bool(done.stderr) is bool(error)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a file that is always full")
def test_output_to_a_full_disk_is_a_sentence():
    program = textwrap.dedent(PROGRAM).format("pass")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: the output cannot be written (No space left on device); make room, or name ano"
    )


def test_a_file_on_a_full_disk_is_named(capsys):
    def fails(number):
        raise OSError(number, os.strerror(number), "/a/study.json")

    assert exit_status(lambda: fails(errno.ENOSPC)) == USAGE_ERROR
    assert capsys.readouterr().err.startswith("error: /a/study.json cannot be written (No space left on device);")
    with pytest.raises(FileNotFoundError):  # a mistake of ours, whose traceback is wanted
        exit_status(lambda: fails(errno.ENOENT))
