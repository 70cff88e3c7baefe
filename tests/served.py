"""`python app.py` as a process of its own, on a free port, and programs that ask it as others do."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Gradio's client leaves sockets open, which is an error in this process but not in one of its own.
CLIENT = """
import json, sys
from gradio_client import Client, handle_file
url, calls = sys.argv[1], json.loads(sys.argv[2])
client = Client(url, verbose=False)
for photo, values, name in calls:
    try:
        print(json.dumps(client.predict(handle_file(photo), **values, api_name=name)))
    except Exception as error:
        print(json.dumps({"error": str(error), "kind": type(error).__name__}))
"""


@contextmanager
def served(*options, temporary: Path, before: str = "") -> Iterator[str]:
    """The address of a page that runs while this does; under `temporary` are its uploads and `server.txt`, its log.

    Args:
        before: Python that runs before it starts, with `app` imported.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = f"import app, typer\n{before}\ntyper.run(app.main)"
    command = [sys.executable, "-c", start, "--port", str(port), *map(str, options)]
    # The models are tiny: more threads would only wait for each other.
    env = os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    log = temporary / "server.txt"
    with log.open("w") as file, subprocess.Popen(command, cwd=ROOT, env=env, stderr=file) as server:
        try:
            while "Glimpse is at" not in log.read_text():
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def asked(url: str, *calls) -> list:
    """What gradio_client gets for each (photo, {name: value}, endpoint)."""
    calls = json.dumps([(str(photo), values, name) for photo, values, name in calls])
    command = [sys.executable, "-W", "ignore", "-c", CLIENT, url, calls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return list(map(json.loads, done.stdout.splitlines()))
