"""Every event of the page, asked for files that nobody uploaded: all refused alike, and nothing is read."""

import hashlib
import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from served import served
from toys import square

SECRET = (17, 203, 89)  # the colour of a picture on the server
MARK = {"meta": {"_type": "gradio.FileData"}}
TAKES_FILES = {"image", "file", "uploadbutton"}
PROGRAMS = {"caption": [3, False, 1.0, 0, 1.0, 3, 30, 1], "ask": ["what is it?", 5]}  # what they take beside a photo
REFUSED = "that is no uploaded file"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forged")
    square("red", "left").save(folder / "secret.png")
    (folder / "secret.zip").write_bytes(b"PK\5\6" + bytes(18))
    os.mkfifo(folder / "pipe.png")
    (folder / "temporary").mkdir()
    with served("--workspace", folder / "workspace", temporary=folder / "temporary") as url:
        config = httpx.get(f"{url}/config").json()
        yield folder, url, config


def upload(url: str, file) -> str:
    """Where the server put this file."""
    with file.open("rb") as opened:
        return httpx.post(f"{url}/gradio_api/upload", files={"files": (file.name, opened)}, timeout=60).json()[0]


def forged(folder, url: str) -> list:
    """What stands for a file and is no upload of this server, as it is sent."""
    uploads = next((folder / "temporary").glob("glimpse-*"))
    mine = Path(upload(url, folder / "secret.png"))
    for link, target in (("link.png", folder / "secret.png"), ("loop.png", uploads / "loop.png"), ("out", folder)):
        if not (uploads / link).is_symlink():
            (uploads / link).symlink_to(target)
    if not (uploads / "pipe.png").exists():
        os.mkfifo(uploads / "pipe.png")
    names = ("secret.png", "secret.zip", "pipe.png", "", "missing.png")
    inside = ("link.png", "loop.png", "out/secret.png", "pipe.png", "", mine.parent.name)
    # another visitor's upload, whose folder is its hash with a key that only the server has
    guessed = (hashlib.sha256(mine.read_bytes()).hexdigest(), "0" * 64)
    paths = [
        *(str(folder / name) for name in names),
        *(str(uploads / name) for name in inside),
        *(str(uploads / name / mine.name) for name in guessed),
        f"{mine}/../../../../secret.png", f"{mine}/x", "/dev/zero", "/dev/stdin", "/etc/passwd", "/proc/self/environ",
        "../../etc/passwd", "a\0b.png", "file:///etc/passwd", "http://127.0.0.1:1/a.png",
    ]  # fmt: skip
    as_files = [{"path": path, **mark} for path in paths for mark in ({}, MARK)]
    return [*as_files, str(folder / "secret.png"), str(mine), 3, True, {}, {"path": None}, {"path": 3},
            {"path": [str(mine)]}, {"url": f"file://{mine}"},
            {"path": str(mine / "x"), "url": "http://127.0.0.1:1/a.png"}]  # fmt: skip


def events(config) -> list[tuple[int, list[int]]]:
    """(index, which of its inputs take files) of every event that takes some, the ones for programs too."""
    kinds = {component["id"]: component["type"] for component in config["components"]}
    found = []
    for event in config["dependencies"]:
        takes = [n for n, component in enumerate(event["inputs"]) if kinds[component] in TAKES_FILES]
        if event["api_name"] in PROGRAMS:
            takes = [0]
        if takes:
            found.append((event["id"], takes))
    return found


def answer(client: httpx.Client, index: int, data: list) -> str:
    """What the queue sends for this event until it is done. A visitor a thread: a new one takes Gradio 0.1 s."""
    session = f"s{threading.get_ident()}"
    request = {"data": data, "fn_index": index, "session_hash": session, "trigger_id": None}
    joined = client.post("/gradio_api/queue/join", json=request)
    if joined.status_code != 200:
        return joined.text
    reply = ""
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
        for line in lines.iter_lines():
            reply += line
            if "process_completed" in line or "close_stream" in line:
                break
    return reply


def given(config, index: int, takes: list[int], payload) -> list:
    """The event's values, with this one wherever it takes a file."""
    if (name := config["dependencies"][index]["api_name"]) in PROGRAMS:
        return [payload, *PROGRAMS[name]]
    parts = {component["id"]: component["props"] for component in config["components"]}
    values = [parts[component] for component in config["dependencies"][index]["inputs"]]
    several = values[takes[0]].get("file_count") in ("multiple", "directory") and payload is not None
    return [([payload] if several else payload) if n in takes else v.get("value") for n, v in enumerate(values)]


def test_no_event_reads_a_file_that_nobody_uploaded(place):
    folder, url, config = place
    found = events(config)
    assert len(found) >= 6  # the photo, the album and its folder, the data set, and the two for programs
    tries, refusals = [(*event, payload) for event in found for payload in forged(folder, url)], {}
    # Gradio looks for news of a request 20 times a second: eight at once need not wait for each other.
    with httpx.Client(base_url=url, timeout=120) as client, ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda t: answer(client, t[0], given(config, *t)), tries))
    for (index, _, payload), reply in zip(tries, replies, strict=True):
        about = (config["dependencies"][index]["api_name"], payload, reply)
        assert '"success":false' in reply.replace(" ", ""), about
        assert "Traceback" not in reply and str(folder) not in reply, about
        refusals.setdefault(re.search(r'"error":"([^"]*)"', reply)[1], []).append(about)
    assert len(tries) >= 150 and len(refusals) <= 2, {reply: requests[:2] for reply, requests in refusals.items()}
    for reply, requests in refusals.items():  # an address, and nothing else, may be told from a file
        assert REFUSED in reply or all("127.0.0.1:1" in str(payload) for _, payload, _ in requests), requests


def test_no_file_at_all_is_no_failure(place):
    _, url, config = place
    with httpx.Client(base_url=url, timeout=120) as client:
        for index, takes in events(config):
            reply = answer(client, index, given(config, index, takes, None))
            assert "went wrong" not in reply and "Traceback" not in reply, reply


@pytest.mark.parametrize("name", ["look", "caption_album"])
def test_the_run_route_does_not_either(place, name):
    folder, url, _ = place
    for payload in forged(folder, url)[:4]:
        done = httpx.post(f"{url}/gradio_api/run/{name}", json={"data": [payload] * 8}, timeout=60)
        assert done.status_code >= 400 and "secret" not in json.dumps(done.text)


def test_an_upload_is_taken(place):
    folder, url, config = place
    path = upload(url, folder / "secret.png")
    with httpx.Client(base_url=url, timeout=120) as client:
        for index, takes in events(config):
            if config["dependencies"][index]["api_name"] not in ("unpack_upload", "ask"):  # a zip; with a question
                reply = answer(client, index, given(config, index, takes, {"path": path} | MARK))
                assert REFUSED not in reply, reply
        assert '"success":true' in reply.replace(" ", "")
