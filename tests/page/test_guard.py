"""Which requests the page lets through, what it takes from them, and which count as made on this machine."""

import asyncio
import socket

import gradio as gr
import pytest
from gradio.context import LocalContext
from starlette.requests import Request

from page.guard import LOCAL, Guard, Hosts, host_name, is_loopback, visitor_is_local
from runtime.errors import SettingError

OWN = "127.0.0.1:7860"
HERE = Hosts("127.0.0.1")


def ask(guard=None, path="/", method="GET", host=OWN, kind="http", client="127.0.0.1", version="1.1", **headers):
    """(status, body or None, the scope that the page was given) of a request with these headers."""
    guard = guard or Guard(None, HERE)
    reached, sent = [], []

    async def page(scope, receive, send):
        reached.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the page"})

    async def send(message):
        sent.append(message)

    guard.app = page
    headers = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    scope = {"type": kind, "path": path, "method": method, "headers": raw, "http_version": version, "scheme": "http",
             "client": (client, 5000)}  # fmt: skip
    asyncio.run(guard(scope, None, send))
    return sent[0].get("status"), sent[-1].get("body", b"").decode(), reached[0] if reached else None


def status(*args, **kwargs) -> int:
    return ask(*args, **kwargs)[0]


@pytest.mark.parametrize("netloc, name", [
    ("Photos.example:80", "photos.example"), ("[::1]:7860", "::1"), ("127.0.0.1", "127.0.0.1"),
    ("localhost.", "localhost"),
    ("a@localhost", None), ("localhost/x", None), ("", None), ("[zz]", None), ("[1:2]", None),
    ("evil.example#@127.0.0.1", None),
])  # fmt: skip
def test_a_hosts_name(netloc, name):
    assert host_name(netloc) == name


@pytest.mark.parametrize("host, own", [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("::ffff:127.0.0.1", True),
    ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("example.org", False),
    ("localhost.evil.example", False),
])  # fmt: skip
def test_only_loopback_is_this_machine_alone(host, own):
    assert is_loopback(host) is own


@pytest.mark.parametrize("served, allowed, yes, no", [
    ("127.0.0.1", (), ["localhost", "127.0.0.1", "127.0.0.2", "::1"], ["evil.example", "10.0.0.5", "0.0.0.0"]),
    ("192.168.1.5", ("Photos.example",), ["192.168.1.5", "photos.example", "localhost"], ["192.168.1.6", "x.example"]),
    ("0.0.0.0", (), ["10.0.0.5", "fe80::1", socket.gethostname().lower()], ["evil.example", "10.0.0.5.evil.example"]),
    ("::", ("photos.example",), ["10.0.0.5", "photos.example"], ["evil.example"]),
])  # fmt: skip
def test_the_page_is_asked_by_its_own_hosts(served, allowed, yes, no):
    hosts = Hosts(served, allowed)
    assert [host for host in yes if host not in hosts] == [] and [host for host in no if host in hosts] == []


@pytest.mark.parametrize("name", ["http://photos.example", "photos.example:80", "", "*.example"])
def test_an_allowed_host_is_a_name(name):
    with pytest.raises(SettingError, match=r"--allowed-host .* is no host"):
        Hosts("127.0.0.1", (name,))


def test_a_name_that_was_made_to_lead_here_is_refused_with_the_option_that_allows_it():
    for path in ("/", "/config", "/gradio_api/info", "/assets/x.js"):
        code, body, reached = ask(path=path, host="evil.example:7860")
        assert code == 403 and "--allowed-host evil.example" in body and reached is None
    assert status(host=None) == 403
    assert status(Guard(None, Hosts("127.0.0.1", ("evil.example",))), host="evil.example") == 200


FOREIGN = [{"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:8000"},
           {"origin": "https://127.0.0.1:7860"}, {"origin": "http://localhost:7860"}, {"sec_fetch_site": "cross-site"},
           {"sec_fetch_site": "same-site"}, {"referer": "http://evil.example/page"}]  # fmt: skip
OURS = [{}, {"origin": f"http://{OWN}"}, {"sec_fetch_site": "same-origin"}, {"sec_fetch_site": "none"},
        {"referer": f"http://{OWN}/"}, {"referer": f"http://{OWN}/", "origin": f"http://{OWN}"}]  # fmt: skip


@pytest.mark.parametrize("method, path", [
    ("POST", "/gradio_api/queue/join"), ("POST", "/gradio_api/upload"), ("POST", "/login"),
    ("OPTIONS", "/gradio_api/upload"), ("DELETE", "/x"), ("GET", "/gradio_api/queue/data"), ("GET", "/logout"),
    ("GET", "/gradio_api/call/caption/1"),
])  # fmt: skip
def test_what_changes_or_computes_is_asked_by_own_pages_and_programs_only(method, path):
    assert {status(path=path, method=method, **headers) for headers in OURS} == {200}
    for headers in FOREIGN:
        code, body, reached = ask(path=path, method=method, **headers)
        assert code == 403 and "another site" in body and reached is None, headers


def test_anyone_may_link_to_the_page_but_not_read_it():
    assert status(sec_fetch_site="cross-site", referer="http://evil.example/") == 200
    assert status(path="/assets/x.js", origin="http://evil.example") == 403


def test_a_websocket_is_closed_to_other_sites():
    assert ask(kind="websocket", origin="http://evil.example")[2] is None
    assert ask(kind="websocket", origin=f"http://{OWN}")[2] is not None


FORWARDED = {"x_forwarded_host": "evil.example", "x_forwarded_proto": "https", "x_forwarded_for": "1.2.3.4",
             "x_gradio_server": "http://evil.example", "forwarded": "host=evil.example"}  # fmt: skip


def test_forwarding_headers_are_believed_behind_a_proxy_only():
    code, _, scope = ask(**FORWARDED)
    assert code == 200 and [name for name, _ in scope["headers"]] == [b"host"]
    proxied = Guard(None, Hosts("127.0.0.1", ("photos.example",)), behind_proxy=True)
    assert status(proxied, **FORWARDED) == 403  # whoever asked, it was not by a name of this page
    code, _, scope = ask(proxied, **FORWARDED | {"x_forwarded_host": "photos.example"})
    names = {name for name, _ in scope["headers"]}
    assert code == 200 and b"x-forwarded-host" in names and b"x-gradio-server" not in names


@pytest.mark.parametrize("headers, code", [
    ({"origin": "https://photos.example", "x_forwarded_proto": "https"}, 200),
    ({"origin": "http://photos.example", "x_forwarded_proto": "https"}, 403),
    ({"origin": "https://photos.example"}, 200), ({"origin": "https://evil.example"}, 403),
])  # fmt: skip
def test_behind_a_proxy_an_own_page_has_the_proxys_origin(headers, code):
    proxied = Guard(None, Hosts("127.0.0.1", ("photos.example",)), behind_proxy=True)
    assert status(proxied, method="POST", x_forwarded_host="photos.example", **headers) == code
    assert status(proxied, method="POST", host="photos.example", **headers) == code


@pytest.mark.parametrize("request_, local", [
    ({}, True), ({"host": "localhost:7860"}, True), ({"client": "::ffff:127.0.0.1"}, True),
    ({"client": "10.0.0.9"}, False),
    ({"x_forwarded_for": "127.0.0.1"}, False), ({"forwarded": "for=127.0.0.1"}, False),
    ({"x_real_ip": "127.0.0.1"}, False), ({"via": "1.1 squid"}, False), ({"version": "1.0"}, False),
    ({"host": "photos.example"}, False),
])  # fmt: skip
def test_a_request_through_a_proxy_is_not_of_this_machine(request_, local):
    hosts = Hosts("127.0.0.1", ("photos.example",))
    assert ask(Guard(None, hosts), **request_)[2][LOCAL] is local
    assert ask(Guard(None, hosts, behind_proxy=True), **request_)[2][LOCAL] is False


@pytest.mark.parametrize("scope, local", [({LOCAL: True}, True), ({LOCAL: False}, False), ({}, False), (None, False)])
def test_an_event_knows_whether_its_visitor_is_on_this_machine(scope, local):
    assert visitor_is_local() is True  # no event
    request = scope is not None and gr.Request(Request(scope | {"type": "http"}))
    tokens = LocalContext.in_event_listener.set(True), LocalContext.request.set(request)
    try:
        assert visitor_is_local() is local
    finally:
        LocalContext.in_event_listener.reset(tokens[0]), LocalContext.request.reset(tokens[1])


def test_the_page_is_framed_by_no_other_site():
    sent = []

    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": "/", "method": "GET", "headers": [(b"host", OWN.encode())], "http_version": "1.1",
             "scheme": "http"}  # fmt: skip
    asyncio.run(Guard(page, HERE)(scope, None, send))
    assert sent[0]["headers"] == [(b"a", b"b"), (b"content-security-policy", b"frame-ancestors 'self'")]
