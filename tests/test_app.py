"""The page as a visitor meets it: `python app.py` is started, and asked over its own API by another process."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from test_captioner import small_captioner
from toys import square

from captioner import SearchSettings, load

ROOT = Path(__file__).parents[1]

# Gradio's client leaves sockets open, which is an error in this process but not in one of its own.
CLIENT = """
import json, sys
from gradio_client import Client, handle_file
url, photo = sys.argv[1:]
try:
    print(json.dumps(Client(url, verbose=False).predict(handle_file(photo), "Search", 3, 0.8, 30, api_name="/caption")))
except Exception as error:
    print(json.dumps({"error": str(error)}))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained captioner's folder."""
    return small_captioner().save(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture(scope="module")
def url(model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--captioner", str(model), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        said = server.stderr.readline()
        assert f"http://127.0.0.1:{port}" in said, said + server.stderr.read()
        yield re.search(r"http://\S+", said).group()
        server.terminate()


def ask(url: str, photo: Path):
    command = [sys.executable, "-W", "ignore", "-c", CLIENT, url, str(photo)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_a_photo_is_captioned_and_other_captions_are_offered(url, model, tmp_path):
    photo = tmp_path / "photo.png"
    square("red", "left").resize((300, 200)).save(photo)
    words, picture, others = ask(url, photo)
    said = load(model)(photo, SearchSettings(beam=3, n=3))
    assert " ".join(word["token"] for word in words) == said.text
    assert [w["class_or_confidence"] for w in words] == pytest.approx([w.probability for w in said.words], abs=0.02)
    assert others.count("\n- ") == len(said.alternatives) == 2 and picture


def test_a_file_that_is_no_photo_is_refused_in_one_sentence(url, tmp_path):
    (tmp_path / "photo.png").write_text("not a photo")
    answer = ask(url, tmp_path / "photo.png")
    assert "is not a picture, whatever its name says" in answer["error"] and "Traceback" not in answer["error"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--auth", "ann"], "--auth needs a user and a password"),
        (["--auth", ":secret"], "--auth needs a user and a password"),
        (["--captioner", "nowhere"], "nowhere does not exist"),
        (["--host", "256.0.0.1"], "cannot be served"),
    ],
)
def test_wrong_options_are_one_sentence_and_status_2(model, options, sentence):
    command = [sys.executable, "app.py", "--captioner", str(model), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2 and sentence in errors[0] and "Traceback" not in done.stderr
