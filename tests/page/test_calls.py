"""Calls of what is not there, or that cannot be: 4xx with a sentence, whichever way they come."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from captioner_toys import small_captioner
from page_visit import opened
from toys import square
from vqa_toys import small_answerer

from page.site import FAILED, Models, Site

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, in Gradio
NO_ENDPOINT = "there is no such endpoint"


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        site = Site(Models(small_captioner(), small_answerer()), folder / "workspace", local_only=True)
        with opened(site) as visit:
            yield visit


@pytest.mark.parametrize("route, sent, code, sentence", [
    ("call/nothing", {"data": []}, 404, NO_ENDPOINT),
    ("call/v2/nothing", {}, 404, NO_ENDPOINT),
    ("run/nothing", {"data": []}, 404, NO_ENDPOINT),
    ("queue/join", {"data": [], "fn_index": 99999, "session_hash": "s"}, 404, NO_ENDPOINT),
    ("queue/join", {"data": [], "fn_index": -1, "session_hash": "s"}, 404, NO_ENDPOINT),
    ("run/x", {"data": [], "fn_index": 99999}, 404, NO_ENDPOINT),
    ("component_server", {"data": [], "component_id": 99999, "session_hash": "s", "fn_name": "x"}, 404, NO_ENDPOINT),
    ("call/caption", {"data": []}, 422, "/caption takes 9 values and was given 0"),
    ("run/look", {"data": [None]}, 422, "/look takes 8 values and was given 1"),
    ("call/v2/caption", {}, 422, "No value provided for required argument: photo"),
    ("call/v2/caption", {"photo": None, "size": 3}, 422, "Parameter `size` is not a valid"),
    ("queue/join", {"fn_index": 0}, 422, "data: Field required"),
    ("queue/join", {"data": [], "fn_index": "one", "session_hash": "s"}, 422, "fn_index: Input should be"),
    ("queue/join", {"data": []}, 400, "Session hash not found"),
    ("queue/join", {"data": [], "session_hash": "s"}, 400, "No function index"),
    ("call/caption", [], 422, "Input should be"),
])  # fmt: skip
def test_a_call_that_cannot_be_is_told_so(visit, route, sent, code, sentence):
    answer = visit.client.post(f"/gradio_api/{route}", json=sent)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (code, True), answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"\xff"])
def test_a_body_that_is_no_json_is_told_so(visit, body):
    answer = visit.client.post("/gradio_api/queue/join", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500 and answer.json()["detail"]


@pytest.mark.parametrize("stream", ["queue/data?session_hash=nobody", "call/caption/nothing", "call/v2/ask/nothing"])
def test_an_answer_that_nobody_asked_for_is_told_so(visit, stream):
    told = visit.client.get(f"/gradio_api/{stream}")
    assert told.status_code == 404 and told.json()["detail"].startswith("nothing was asked for by that name")


def test_a_failure_is_told_without_what_it_was(visit, monkeypatch, capsys):
    def fails(*_):
        raise RuntimeError("/home/ann/secret")

    monkeypatch.setattr(visit.event("choices"), "fn", fails)
    with pytest.raises(AssertionError, match=FAILED) as user_errors:
        visit.call("choices", "captioner")
    assert "secret" not in str(user_errors.value) and "secret" in capsys.readouterr().err
    monkeypatch.setattr(visit.blocks, "get_api_info", fails)
    answer = visit.client.get("/gradio_api/info?all_endpoints=1")
    assert (answer.status_code, answer.json()["detail"]) == (500, FAILED)


def test_no_route_computes_past_the_queue(visit, tmp_path, monkeypatch):
    """`/run` and `/api` would: 50 posts at once computed 12 at a time, where the models' turn is 2."""
    square("red", "left").save(tmp_path / "photo.png")
    photo, asked = visit.upload(tmp_path / "photo.png"), []
    monkeypatch.setattr(visit.site.models, "captioner", lambda *_: asked.append(1))

    def post(n: int) -> int:
        route = ("run/caption", "api/caption", "run/look", "run/caption/")[n % 4]
        index = {"fn_index": visit.event("caption")._id} if n % 3 else {}
        data = {"data": [photo, 3, False, 1.0, 0, 1.0, 3, 30, 1]} | index
        return visit.client.post(f"/gradio_api/{route}", json=data).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(post, range(50))) == {404} and not asked


@pytest.mark.parametrize("header", ["x-forwarded-for", "via"])
def test_through_a_proxy_nothing_is_written(visit, tmp_path, header):
    square("red", "left").save(tmp_path / "photo.png")
    (tmp_path / "data.zip").write_bytes(b"PK\5\6" + bytes(18))
    photo, data, proxied = *map(visit.upload, (tmp_path / "photo.png", tmp_path / "data.zip")), {header: "127.0.0.1"}
    visit.call("look", photo, "Search", 1, 1.0, 0, 1.0, 1, 3, **proxied)
    writing = {"choices": ["captioner"], "train": ["captioner", None, "", "new", False, 1, 1e-3, 2, False],
               "unpack_upload": ["captioner", data], "save": [None, "a square"],
               "swap": [None], "pack": [None], "stop_it": [None], "resume_it": [None]}  # fmt: skip
    for name, values in writing.items():
        with pytest.raises(AssertionError, match="off for visitors from another computer or through a proxy"):
            visit.call(name, *values, **proxied)
    assert visit.call("refresh", **proxied)[-1]["visible"] is True
    assert not (visit.site.workspace).exists()


def test_on_this_machine_it_is(visit):
    assert visit.call("choices", "captioner")[0]["__type__"] == "update"
    assert "visible" not in visit.call("refresh")[-1]


def test_no_other_origin_is_let_in(visit):
    for route in ("/", "/config", "/gradio_api/info"):
        answer = visit.client.get(route, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
    for headers in ({}, {"origin": "http://127.0.0.1:7860"}):
        answer = visit.client.get("/config", headers=headers)
        assert answer.status_code == 200 and not [name for name in answer.headers if "access-control" in name]


@pytest.mark.parametrize("header", ["x-forwarded-host", "x-gradio-server", "x-forwarded-proto"])
def test_no_header_chooses_the_address_that_the_pages_scripts_call(visit, header):
    value = "https" if header.endswith("proto") else "http://evil.example" if "gradio" in header else "evil.example"
    assert visit.client.get("/config", headers={header: value}).json()["root"] == "http://127.0.0.1:7860"


def test_the_queue_is_not_begun_twice(visit):
    assert visit.client.get("/gradio_api/startup-events").json() is False
