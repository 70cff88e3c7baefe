"""How every command line ends: all that was said is out, what waits for the end is done, and the status is told."""

import subprocess
import sys
import textwrap

import pytest

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
