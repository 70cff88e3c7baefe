"""Every event of the page, asked for files that nobody uploaded: all refused alike, and nothing is read."""

import json
import os
import re

import httpx
import pytest
from captioner_toys import small_captioner
from served import served
from toys import square
from vqa_toys import small_answerer

SECRET = (17, 203, 89)  # the colour of a picture on the server
MARK = {"meta": {"_type": "gradio.FileData"}}
TAKES_FILES = {"image", "file", "uploadbutton"}
REFUSED = "that is no uploaded file"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forged")
    small_captioner().save(folder / "captioner")
    small_answerer().save(folder / "vqa")
    square("red", "left").save(folder / "secret.png")
    (folder / "secret.zip").write_bytes(b"PK\5\6" + bytes(18))
    os.mkfifo(folder / "pipe.png")
    (folder / "temporary").mkdir()
    options = ["--captioner", folder / "captioner", "--vqa", folder / "vqa", "--workspace", folder / "workspace"]
    with served(*options, temporary=folder / "temporary") as url:
        config = httpx.get(f"{url}/config").json()
        yield folder, url, config


def forged(folder) -> list[dict]:
    """Files that are no uploads of this server, there or not, marked as Gradio's client marks them or not."""
    names = ("secret.png", "secret.zip", "pipe.png", "", "missing.png")
    others = (
        "/dev/zero",
        "/etc/passwd",
        "../../etc/passwd",
        "a\0b.png",
        "file:///etc/passwd",
        "http://127.0.0.1:1/a.png",
    )
    paths = [*(str(folder / name) for name in names), *others]
    return [{"path": path, **mark} for mark in ({}, MARK) for path in paths]


def events(config) -> list[tuple[int, list[int]]]:
    """(index, which of its inputs take files) of every event that takes some."""
    kinds = {component["id"]: component["type"] for component in config["components"]}
    found = []
    for event in config["dependencies"]:
        takes = [n for n, component in enumerate(event["inputs"]) if kinds[component] in TAKES_FILES]
        if takes:
            found.append((event["id"], takes))
    return found


def answer(url: str, config, index: int, data: list) -> str:
    """What the queue sends for this event until it is done."""
    session = f"s{index}"
    request = {"data": data, "fn_index": index, "session_hash": session, "trigger_id": None}
    joined = httpx.post(f"{url}/gradio_api/queue/join", json=request, timeout=30)
    if joined.status_code != 200:
        return joined.text
    said = ""
    with httpx.stream("GET", f"{url}/gradio_api/queue/data", params={"session_hash": session}, timeout=30) as lines:
        for line in lines.iter_lines():
            said += line
            if "process_completed" in line or "close_stream" in line:
                break
    return said


def test_no_event_reads_a_file_that_nobody_uploaded(place):
    folder, url, config = place
    found = events(config)
    assert len(found) >= 4  # the photo, the album and its folder, the data set
    kinds = {component["id"]: component for component in config["components"]}
    kinds = {component["id"]: component for component in config["components"]}
    answers: dict[tuple, set[str]] = {}
    asked = 0
    for index, takes in found:
        inputs = config["dependencies"][index]["inputs"]
        plain = [kinds[component]["props"].get("value") for component in inputs]
        several = kinds[inputs[takes[0]]]["props"].get("file_count") in ("multiple", "directory")
        for payload in forged(folder):
            given = [payload] if several else payload
            data = [given if n in takes else value for n, value in enumerate(plain)]
            said = answer(url, config, index, data)
            asked += 1
            assert '"success":false' in said.replace(" ", ""), (index, payload, said)
            assert "secret" not in said and "Traceback" not in said and str(folder) not in said, (index, payload, said)
            if not {":", "\0"} & set(payload["path"]):  # an address, or no path at all, may be told from a file
                answers.setdefault((index, "meta" in payload), set()).add(re.search(r'"error":("[^"]*"|null)', said)[1])
    assert asked >= 80
    for refusals in answers.values():  # without the mark, Gradio itself refuses some, in no words
        assert len(refusals) == 1 and (REFUSED in (only := refusals.pop()) or only == "null"), answers


@pytest.mark.parametrize("name", ["look", "many"])
def test_the_run_route_does_not_either(place, name):
    folder, url, _ = place
    for payload in forged(folder)[:4]:
        done = httpx.post(f"{url}/gradio_api/run/{name}", json={"data": [payload] * 8}, timeout=30)
        assert done.status_code >= 400 and "secret" not in json.dumps(done.text)


def test_an_upload_is_taken(place):
    folder, url, config = place
    with (folder / "secret.png").open("rb") as file:
        path = httpx.post(f"{url}/gradio_api/upload", files={"files": ("a.png", file)}).json()[0]
    index, (n, *_) = events(config)[0]
    kinds = {component["id"]: component for component in config["components"]}
    data = [kinds[component]["props"].get("value") for component in config["dependencies"][index]["inputs"]]
    data[n] = {"path": path} | MARK
    assert '"success":true' in answer(url, config, index, data).replace(" ", "")


def test_a_link_out_of_the_upload_folder_is_followed_and_refused(place):
    folder, url, config = place
    uploads = next((folder / "temporary").glob("glimpse-*"))
    (uploads / "link.png").symlink_to(folder / "secret.png")
    index, (n, *_) = events(config)[0]
    kinds = {component["id"]: component for component in config["components"]}
    data = [kinds[component]["props"].get("value") for component in config["dependencies"][index]["inputs"]]
    data[n] = {"path": str(uploads / "link.png")}
    assert REFUSED in answer(url, config, index, data)
