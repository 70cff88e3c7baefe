"""What requests bring: no more is read than is needed, and an upload that breaks off leaves nothing on the disk."""

import asyncio
import errno
from pathlib import Path

import pytest
from captioner_toys import small_captioner
from fastapi import HTTPException
from page_visit import opened
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from page import bodies
from page.bodies import MAX_BODY, MAX_FIELD, MAX_TOOL_BODY, UploadParser
from page.site import Models, Site

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, in Gradio
MB = b"x" * (1 << 20)
PHOTO = b'--b\r\ncontent-disposition: form-data; name="%s"; filename="%s"\r\n\r\n'
END = b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        with opened(Site(Models(small_captioner()), folder / "workspace")) as visit:
            yield visit


def parse(folder, *chunks) -> list[tuple[str, object]]:
    """What an upload of these chunks gives; one that is an error is raised there, as by a visitor who leaves."""

    async def stream():
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    headers = Headers({"content-type": "multipart/form-data; boundary=b"})
    parser = UploadParser(headers, stream(), upload_dir=folder, max_file_size=3 << 20)
    return asyncio.run(parser.parse()).multi_items()


@pytest.mark.parametrize("route", ["queue/join", "call/caption", "call/v2/ask", "component_server", "cancel"])
@pytest.mark.parametrize("says", [True, False], ids=["with its length", "in chunks"])
def test_a_request_that_is_too_large_is_not_read(visit, route, says):
    def body():
        yield b'{"session_hash": "s", "fn_index": 0, "data": ["'
        yield from [MB] * (MAX_BODY // len(MB))

    sent = visit.client.post(f"/gradio_api/{route}", content=b"".join(body()) if says else body(),
                             headers={"content-type": "application/json"})  # fmt: skip
    assert (sent.status_code, "larger than 8 MB" in sent.text) == (413, True)


def test_tools_may_bring_a_photo_as_text(visit):
    url, how = "/gradio_api/mcp/", {"headers": {"content-type": "application/json"}}
    assert visit.client.post(url, content=b"x" * (MAX_BODY + 1), **how).status_code != 413
    assert visit.client.post(url, content=b"x" * (MAX_TOOL_BODY + 1), **how).status_code == 413


def test_what_is_too_large_for_the_page_is_an_upload_still(visit):
    sent = visit.client.post("/gradio_api/upload", files={"files": ("a.jpg", MB * 9)})
    assert sent.status_code == 200 and Path(sent.json()[0]).stat().st_size == 9 << 20


@pytest.mark.parametrize("name", ["..", ".", "/", "", "a" * 300 + ".jpg", "a/../../b.jpg", "\x01.jpg"])
def test_an_upload_of_any_name_is_one_file_or_refused(visit, tmp_path, monkeypatch, name):
    monkeypatch.setattr(visit.blocks.app, "uploaded_file_dir", str(tmp_path))
    sent = visit.client.post("/gradio_api/upload", files={"files": (name, b"x")})
    assert sent.status_code in (200, 400), sent.text
    files = [str(path) for path in tmp_path.rglob("*") if path.is_file()]
    assert files == (sent.json() if sent.status_code == 200 else [])


@pytest.mark.parametrize(("chunks", "error"), [
    ([PHOTO % (b"files", b"a.jpg"), MB, ClientDisconnect()], ClientDisconnect),
    ([PHOTO % (b"files", b"a.jpg"), MB, MB, MB, MB, END], MultiPartException),  # larger than is allowed
    ([PHOTO % (b"files", b"a.jpg"), MB, OSError(errno.ENOSPC, "No space left on device")], HTTPException),
    ([PHOTO % (b"files", b"a.jpg"), b"\r\n", *[PHOTO % (b"files", b"b.jpg") + b"\r\n"] * 1000], MultiPartException),
    ([PHOTO % (b"files", b"a.jpg"), b"x\r\n", b'--b\r\ncontent-disposition: form-data\r\n\r\n'], MultiPartException),
    ([b'--b\r\ncontent-disposition: form-data; name="x"\r\n\r\n', b"x" * MAX_FIELD, b"x", END], MultiPartException),
    ([b'--b\r\ncontent-disposition: form-data; name="files"\r\n\r\n', b"x", END], MultiPartException),
])  # fmt: skip
def test_an_upload_that_breaks_off_leaves_nothing(tmp_path, chunks, error):
    with pytest.raises(error):
        parse(tmp_path, *chunks)
    assert not list(tmp_path.iterdir())


def test_files_that_nobody_asked_for_are_not_kept(tmp_path):
    wanted, other = PHOTO % (b"files", b"a.jpg") + b"1\r\n", PHOTO % (b"other", b"b.jpg") + b"2"
    (name, kept), _ = parse(tmp_path, wanted + other + END)
    assert name == "files" and [str(path) for path in tmp_path.iterdir()] == [kept.file.name]
    kept.file.close()


def test_the_last_of_the_disk_is_not_taken(tmp_path, monkeypatch, visit):
    usage = bodies.shutil.disk_usage(tmp_path)
    small = usage._replace(total=30 << 20, free=5 << 20)
    monkeypatch.setattr(bodies.shutil, "disk_usage", lambda _: small)
    sent = visit.client.post("/gradio_api/upload", files={"files": ("a.jpg", MB + MB)})
    assert (sent.status_code, sent.json()["detail"]) == (507, bodies.NO_ROOM)
    assert visit.client.post("/gradio_api/upload", files={"files": ("a.jpg", MB)}).status_code == 200
