"""The password: where it may come from, how slowly it can be guessed, and what is closed without it."""

import asyncio
import logging

import pytest

import page.login
from page.login import FORGET_SECONDS, MAX_CLIENTS, MAX_DELAY, Attempts, LoginGate, client_of, read_login
from runtime.errors import SettingError


@pytest.mark.parametrize("auth", ["ann", ":secret", "ann:", "", "ann:x\nbob:y"])
def test_a_login_has_a_user_and_a_password(auth, tmp_path):
    with pytest.raises(SettingError, match="--auth needs a user and a password"):
        read_login(auth, None)
    (tmp_path / "login").write_text(auth)
    with pytest.raises(SettingError, match=r"--auth-file .*login needs a user and a password"):
        read_login(None, tmp_path / "login")


def test_a_password_may_have_colons_and_come_from_a_file(tmp_path):
    assert read_login("ann:a:b", None) == ("ann", "a:b") and read_login(None, None) is None
    (tmp_path / "login").write_text("ann:a b \r\n")
    assert read_login(None, tmp_path / "login") == ("ann", "a b ")


def test_a_password_comes_from_one_place_that_can_be_read(tmp_path):
    with pytest.raises(SettingError, match="leave one of them out"):
        read_login("ann:x", tmp_path / "login")
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(SettingError, match=r"--auth-file .* cannot be read"):
            read_login(None, path)


def test_a_client_waits_twice_as_long_after_each_attempt():
    attempts, now, waits = Attempts(), 100.0, []
    for _ in range(7):
        waits.append(attempts.wait("a", now))
        now += waits[-1]
    assert waits == [0, 0.25, 0.5, 1, 2, 4, 4]
    attempts.succeeded("a")
    assert attempts.wait("a", now + 1) == 0 and attempts.wait("a", now + 1) == 0.25


def test_attempts_at_once_stand_in_line_and_the_line_is_short():
    attempts = Attempts()
    waits = [attempts.wait("a", 0.0) for _ in range(100)]
    assert sum(wait <= MAX_DELAY for wait in waits) == 5 and waits[-1] < 3 * MAX_DELAY  # refused ones do not count
    others = [attempts.wait(f"b{n}", 10.0) for n in range(100)]
    assert sum(wait <= MAX_DELAY for wait in others) == 17  # four a second, from however many addresses


def test_a_client_is_forgotten_after_a_while():
    attempts = Attempts()
    for n in range(4):
        attempts.wait("a", 10.0 * n)
    assert attempts.wait("a", 60 + FORGET_SECONDS) == 0 and attempts.clients["a"].count == 1
    for n in range(2 * MAX_CLIENTS):
        attempts.wait(f"b{n}", 2000.0 + n)
    assert len(attempts.clients) <= MAX_CLIENTS + 2


@pytest.mark.parametrize("host, client", [
    ("10.0.0.5", "10.0.0.5"), ("::ffff:10.0.0.5", "10.0.0.5"), ("2001:db8::1:2:3:4", "2001:db8::/64"),
    (None, "unknown"),
])  # fmt: skip
def test_an_ipv6_client_is_its_network(host, client):
    assert client_of({"client": host and (host, 1)}) == client


class GradioApp:
    cookie_id, tokens = "id", {"token": "ann"}


def ask(gate, path, method="GET", cookie="", client="10.0.0.5"):
    """(status, headers) of a request."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": [(b"cookie", cookie.encode())],
             "client": (client, 5)}  # fmt: skip
    asyncio.run(gate(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.fixture
def gate(monkeypatch):
    """A gate before an application that finds every password wrong, and the seconds that it slept."""

    async def sleep(seconds):
        gate.slept.append(seconds)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 400 if scope["method"] == "POST" else 200, "headers": []})

    monkeypatch.setattr(page.login.asyncio, "sleep", sleep)
    gate = LoginGate(app, GradioApp())
    gate.slept = []
    return gate


def test_wrong_passwords_are_slowed_refused_and_logged(gate, caplog):
    with caplog.at_level(logging.WARNING):
        answers = [ask(gate, "/login", "POST") for _ in range(8)]
    codes = [code for code, _ in answers]
    assert codes[:4] == [400] * 4 and codes[-1] == 429 and int(answers[-1][1][b"retry-after"]) >= 1
    assert max(gate.slept) > 1 and "a wrong password from 10.0.0.5, its attempt number 4" in caplog.text
    assert ask(gate, "/login/", "POST")[0] == 429


@pytest.mark.parametrize(
    "path", ["cancel", "reset", "reset/", "queue/join", "heartbeat/x", "stream/x", "mcp/", "startup-events"]
)
def test_the_whole_api_is_closed_without_a_login(gate, path):
    for cookie in ("", "access-token-id=guess", "other=token", "access-token-id=\x00;;="):
        assert ask(gate, f"/gradio_api/{path}", cookie=cookie)[0] == 401
    for cookie in ("access-token-id=token", "a=b; access-token-unsecure-id=token"):
        assert ask(gate, f"/gradio_api/{path}", cookie=cookie)[0] == 200


@pytest.mark.parametrize("path", ["/", "/login", "/assets/x.js", "/theme.css", "/gradio_api/login_check"])
def test_what_logging_in_needs_is_open(gate, path):
    assert ask(gate, path)[0] == 200
