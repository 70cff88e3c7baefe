"""The page's server as programs meet it: its two endpoints, and everything that it must not give away."""

import json
import re
import shutil
import subprocess
import sys

import httpx
import pytest
from served import ROOT, asked, served
from toys import square

import captioner
import vqa
from captioner import SearchSettings

GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
ALL = [3, False, 1.0, 0, 1.0, 3, 30, 1]  # what `/caption` takes beside a photo
FILE = {"_type": "gradio.FileData"}
SECRET = "the-secret-of-this-machine"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photo, a workspace, and a secret."""
    folder = tmp_path_factory.mktemp("served")
    square("red", "left").resize((300, 200)).save(folder / "photo.png")
    (folder / "secret.txt").write_text(SECRET)
    (folder / "temporary").mkdir()
    return folder


@pytest.fixture(scope="module")
def url(folder):
    with served("--workspace", folder / "workspace", temporary=folder / "temporary") as url:
        yield url
    assert not list((folder / "temporary").glob("glimpse-*")), "uploads outlived the server"


def call(url: str, photo) -> str:
    """What `/caption` answers to a photo that is sent as it is, past any client's own checks."""
    event = httpx.post(f"{url}/gradio_api/call/caption", json={"data": [photo, *ALL]}).json()["event_id"]
    return httpx.get(f"{url}/gradio_api/call/caption/{event}").text


def test_a_photo_is_captioned_as_on_the_command_line(url, folder):
    photo = folder / "photo.png"
    plain, wide, drawn = asked(
        url,
        (photo, {}, "/caption"),
        (photo, {"beam": 5, "n": 2, "max_length": 4}, "/caption"),
        (photo, {"sample": True, "temperature": 0.5, "top_k": 5, "seed": 7, "n": 1}, "/caption"),
    )
    model = captioner.load()
    for got, how in (
        (plain, SearchSettings(beam=3, n=3)),
        (wide, SearchSettings(beam=5, n=2, max_length=4)),
        (drawn, SearchSettings(sample=True, temperature=0.5, top_k=5, seed=7)),
    ):
        assert got.pop("image") == "photo.png"
        result = model(photo, how).to_json()
        assert got["caption"] == result["caption"] and got.keys() == result.keys()
        assert [w["prob"] for w in got["words"]] == pytest.approx([w["prob"] for w in result["words"]], abs=0.02)
        assert len(got["alternatives"]) == how.n - 1


def test_a_question_is_answered_as_on_the_command_line(url, folder):
    photo, question = folder / "photo.png", "what colour is the square?"
    got = asked(url, (photo, {"question": question, "top": 3}, "/ask"))[0]
    answers = vqa.load().look(photo).ask(question, 3)
    assert (got["image"], got["question"], got["sure"]) == ("photo.png", question, answers[0].sure)
    assert [a["answer"] for a in got["answers"]] == [a.text for a in answers]
    assert [a["prob"] for a in got["answers"]] == pytest.approx([a.probability for a in answers], abs=0.02)


def test_programs_are_offered_two_endpoints_and_no_more(url):
    assert httpx.get(f"{url}/gradio_api/info").json()["named_endpoints"].keys() == {"/caption", "/ask"}


def test_a_mistake_is_one_sentence_without_the_servers_paths(url, folder):
    (folder / "letter.png").write_text("not a photo")
    photo = folder / "photo.png"
    sentences = [
        got["error"]
        for got in asked(
            url,
            (folder / "letter.png", {}, "/caption"),
            (photo, {"beam": 0}, "/caption"),
            (photo, {"beam": "wide"}, "/caption"),
            (photo, {"question": "  "}, "/ask"),
            (photo, {"question": "what?", "top": 0}, "/ask"),
        )
    ]
    expected = ["letter.png is not a picture", "beam is 0", "beam is 'wide'", "the question is empty", "top is 0"]
    for sentence, start in zip(sentences, expected, strict=True):
        assert sentence.startswith(start) and sentence[-1] in ".?" and "\n" not in sentence
        assert str(folder) not in sentence and "Traceback" not in sentence


@pytest.mark.parametrize("meta", [FILE, None], ids=["as an upload", "as anything"])
@pytest.mark.parametrize("path", ["{folder}/secret.txt", "{folder}/photo.png", "/etc/passwd", "app.py", "../app.py"])
def test_no_file_of_the_server_is_opened(url, folder, path, meta):
    answer = call(url, {"path": path.format(folder=folder), "meta": meta} if meta else path.format(folder=folder))
    assert answer.startswith("event: error") and "caption" not in answer
    assert "Traceback" not in answer and SECRET not in answer


@pytest.mark.parametrize("address", ["{url}/theme.css", "http://127.0.0.1:1/x.png", "https://huggingface.co/x.png"])
def test_no_address_is_looked_up(url, address):
    address = address.format(url=url)
    assert "a photo's address is not looked up" in call(url, {"path": address, "meta": FILE})
    for route in ("file", "proxy"):
        answer = httpx.get(f"{url}/gradio_api/{route}={address}", follow_redirects=False)
        assert answer.status_code in (400, 403)


@pytest.mark.parametrize("route", [
    "/gradio_api/file={folder}/secret.txt", "/gradio_api/file=/etc/passwd", "/gradio_api/file=app.py",
    "/gradio_api/file=%2e%2e/%2e%2e/etc/passwd", "/gradio_api/file={folder}/workspace", "/gradio_api/file=file:///etc/passwd",
    "/static/..%2f..%2f..%2f..%2fetc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/gradio_api/file/etc/passwd",
    "/monitoring", "/runs",
])  # fmt: skip
def test_no_route_reads_outside_the_allowed_roots(url, folder, route):
    (folder / "workspace").mkdir(exist_ok=True)
    answer = httpx.get(url + route.format(folder=folder))
    assert answer.status_code in (403, 404) and SECRET not in answer.text and "root:" not in answer.text


def test_an_upload_cannot_choose_its_place(url, folder):
    sent = httpx.post(f"{url}/gradio_api/upload", files={"files": ("../../../evil.png", b"x")}).json()
    assert ".." not in sent[0] and sent[0].startswith(str(folder / "temporary" / "glimpse-"))


def test_the_page_loads_from_no_other_host(url):
    page = httpx.get(url).text
    loaded = re.findall(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["'](?:https?:)?//([^/"']+)""", page)
    style = page + httpx.get(f"{url}/theme.css").text
    loaded += re.findall(r"""(?:url\(|@import)\s*["']?https?://([^/"')]+)""", style)
    assert not loaded
    assert "Content-Security-Policy" in httpx.get(f"{url}/config").json()["head"]


def test_the_guides_python_runs(url, folder):
    code = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)[1]
    assert "http://127.0.0.1:7860" in code and "photo.jpg" in code
    code = code.replace("http://127.0.0.1:7860", url).replace("photo.jpg", str(folder / "photo.png"))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert captioner.load()(folder / "photo.png", SearchSettings(beam=5)).text in first
    best = vqa.load().look(folder / "photo.png").ask("what colour is it?")[0]
    assert second == (best.text if best.sure else "not sure")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_guides_shell_runs(url, folder):
    code = re.search(r"```sh\n(url=.*?)```", GUIDE, re.DOTALL)[1]
    code = code.replace("http://127.0.0.1:7860", url).replace("photo.jpg", str(folder / "photo.png"))
    done = subprocess.run(
        ["sh", "-euc", code.replace("--json", "-H Content-Type:application/json -d")],
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip - older curls lack --json
    result = json.loads(done.stdout.split("data: ", 1)[1].splitlines()[0])[0]
    assert result["caption"] == captioner.load()(folder / "photo.png", SearchSettings(beam=5)).text


def test_a_password_guards_everything_and_a_full_queue_says_so(folder):
    full = "import page.serve; page.serve.QUEUE = 0"
    with served("--auth", "ann:secret", temporary=folder / "temporary", before=full) as url:
        for route in ("/config", "/gradio_api/info", "/gradio_api/file=x", "/gradio_api/queue/status"):
            assert httpx.get(url + route).status_code == 401
        for route in ("/gradio_api/call/caption", "/gradio_api/upload", "/gradio_api/queue/join"):
            assert httpx.post(url + route, json={"data": []}).status_code == 401
        with httpx.Client(base_url=url) as client:
            assert client.post("/login", data={"username": "ann", "password": "wrong"}).status_code == 400
            assert client.post("/login", data={"username": "ann", "password": "secret"}).status_code == 200
            assert client.get("/config").status_code == 200
            full = client.post("/gradio_api/call/caption", json={"data": [None, *ALL]})
            assert full.status_code == 503 and full.json()["detail"].startswith("Glimpse is busy")
