"""`python app.py` as a process of its own, on a free port, and programs that ask it as others do."""

import json
import os
import re
import socket
import subprocess
import sys
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
    """The address of a page that runs while this does; its uploads are kept under `temporary`.

    Args:
        before: Python that runs before it starts, with `app` imported.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = f"import app, typer\n{before}\ntyper.run(app.main)"
    command = [sys.executable, "-c", start, "--port", str(port), *map(str, options)]
    env = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as server:
        said = ""
        while "Glimpse is at" not in said:
            line = server.stderr.readline()
            assert line, said
            said += line
        yield re.search(r"http://\S+", said).group()
        server.terminate()
        server.stderr.read()


def asked(url: str, *calls) -> list:
    """What gradio_client gets for each (photo, {name: value}, endpoint)."""
    calls = json.dumps([(str(photo), values, name) for photo, values, name in calls])
    command = [sys.executable, "-W", "ignore", "-c", CLIENT, url, calls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return list(map(json.loads, done.stdout.splitlines()))
