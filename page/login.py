"""The password of a page: where it is read from, what cannot be had without it, and how slowly it can be guessed."""

import asyncio
import ipaddress
import logging
import math
import time
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.errors import SettingError, shown

from .guard import address

OPEN = {"/gradio_api/login_check", "/gradio_api/user", "/gradio_api/theme.css"}  # of the API; what logging in needs
FIRST, SLOWEST = 0.25, 4.0  # seconds between a client's attempts; twice as many after each
TOGETHER = 0.25  # seconds between any two attempts, whoever makes them
FORGET = 900  # seconds after which a client's attempts no longer count
CLIENTS = 1000  # whose attempts are remembered before old ones are looked for to forget
TOO_MANY = "Too many wrong passwords; try again in {} seconds."


def read_login(given: str | None, file: Path | None) -> tuple[str, str] | None:
    """(user, password) from `USER:PASSWORD` as it was given or as it stands in a file; None where neither is.

    Raises:
        SettingError: it is neither, the file cannot be read, or both are given.
    """
    if given is not None and file is not None:
        raise SettingError("--auth-file and --auth (or GLIMPSE_AUTH) both give a password; leave one of them out.")
    if file is not None:
        try:
            given = file.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"--auth-file {shown(file)} cannot be read ({error}); give a text file.") from None
    if given is None:
        return None
    user, colon, password = given.partition(":")
    if not (user and colon and password) or "\n" in given:
        where = "--auth" if file is None else f"--auth-file {shown(file)}"
        raise SettingError(f"{where} needs a user and a password with a colon between them, such as ann:secret.")
    return user, password


@dataclass
class _Tries:
    """Attempts of one client: how many, and when the next one may be answered."""

    count: int = 0
    next: float = 0.0


@dataclass
class Attempts:
    """When attempts to log in may be answered: a client's one after another, each after twice the pause, and all of
    them together no faster than `TOGETHER`."""

    clients: dict[str, _Tries] = field(default_factory=dict)
    everyone: float = 0.0

    def wait(self, client: str, now: float) -> float:
        """Seconds until this attempt may be answered. Above `SLOWEST` it is to be refused, and does not count."""
        if len(self.clients) > CLIENTS:
            self.clients = {name: tries for name, tries in self.clients.items() if now - tries.next < FORGET}
        tries = self.clients.get(client)
        if tries is None or now - tries.next > FORGET:
            tries = self.clients[client] = _Tries()
        at = max(now, tries.next, self.everyone)
        if at - now <= SLOWEST:
            tries.next = at + min(FIRST * 2**tries.count, SLOWEST)
            tries.count += 1
            self.everyone = at + TOGETHER
        return at - now

    def succeeded(self, client: str) -> None:
        self.clients.pop(client, None)


def client_of(scope: Scope) -> str:
    """Who asks: an address, or the network of an IPv6 one, of which a visitor has as many as they like."""
    host = (scope.get("client") or ("unknown", 0))[0]
    found = address(host)
    if found and found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found or host)


class LoginGate:
    """Before a page with a password: slows guessing, and keeps to those who are logged in what Gradio leaves open.

    Args:
        app: what is served.
        gradio_app: the page in it, which knows who is logged in.
    """

    def __init__(self, app: ASGIApp, gradio_app):
        self.app, self.gradio_app, self.attempts = app, gradio_app, Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").rstrip("/")
        if scope["type"] == "http" and path == "/login" and scope["method"] == "POST":
            await self._log_in(scope, receive, send)
        elif scope["type"] == "http" and path.startswith("/gradio_api") and path not in OPEN and not self._knows(scope):
            await JSONResponse({"detail": "Log in first: this page asks for a password."}, 401)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        try:
            cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            return False
        names = (f"access-token-{self.gradio_app.cookie_id}", f"access-token-unsecure-{self.gradio_app.cookie_id}")
        return any(name in cookies and cookies[name].value in self.gradio_app.tokens for name in names)

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        wait = self.attempts.wait(client, time.monotonic())
        if wait > SLOWEST:
            seconds = math.ceil(wait - SLOWEST)
            refusal = JSONResponse({"detail": TOO_MANY.format(seconds)}, 429, {"Retry-After": str(seconds)})
            return await refusal(scope, receive, send)
        await asyncio.sleep(wait)

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(client, message["status"])
            await send(message)

        return await self.app(scope, receive, send_noting)

    def _note(self, client: str, status: int) -> None:
        if status == 200:
            self.attempts.succeeded(client)
        elif status == 400:
            count = self.attempts.clients[client].count if client in self.attempts.clients else 1
            logging.warning("a wrong password from %s, its attempt number %d", client, count)
