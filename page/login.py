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

from runtime.errors import SettingError, printable

from .guard import parse_address

OPEN_PATHS = {"/gradio_api/login_check", "/gradio_api/user", "/gradio_api/theme.css"}  # what logging in needs
FIRST_DELAY, MAX_DELAY = 0.25, 4.0  # seconds between a client's attempts; twice as many after each
GLOBAL_DELAY = 0.25  # seconds between any two attempts, whoever makes them
FORGET_SECONDS = 900  # seconds after which a client's attempts no longer count
MAX_CLIENTS = 1000  # whose attempts are remembered before old ones are looked for to forget
TOO_MANY_ATTEMPTS = "Too many wrong passwords; try again in {} seconds."


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
            reason = getattr(error, "strerror", None) or "no text"
            raise SettingError(f"--auth-file {printable(file)} cannot be read ({reason}); give a text file.") from None
    if given is None:
        return None
    user, colon, password = given.partition(":")
    if not (user and colon and password) or "\n" in given:
        where = "--auth" if file is None else f"--auth-file {printable(file)}"
        raise SettingError(f"{where} needs a user and a password with a colon between them, such as ann:secret.")
    return user, password


@dataclass
class _Throttle:
    """Attempts of one client: how many, and when the next one may be answered."""

    count: int = 0
    next: float = 0.0


@dataclass
class Attempts:
    """When attempts to log in may be answered: a client's one after another, each after twice the pause, and all of
    them together no faster than `GLOBAL_DELAY`."""

    clients: dict[str, _Throttle] = field(default_factory=dict)
    next_for_all: float = 0.0

    def wait(self, client: str, now: float) -> float:
        """Seconds until this attempt may be answered. Above `MAX_DELAY` it is to be refused, and does not count."""
        if len(self.clients) > MAX_CLIENTS:
            self.clients = {
                name: throttle for name, throttle in self.clients.items() if now - throttle.next < FORGET_SECONDS
            }
        throttle = self.clients.get(client)
        if throttle is None or now - throttle.next > FORGET_SECONDS:
            throttle = self.clients[client] = _Throttle()
        at = max(now, throttle.next, self.next_for_all)
        if at - now <= MAX_DELAY:
            throttle.next = at + min(FIRST_DELAY * 2**throttle.count, MAX_DELAY)
            throttle.count += 1
            self.next_for_all = at + GLOBAL_DELAY
        return at - now

    def succeeded(self, client: str) -> None:
        self.clients.pop(client, None)


def client_of(scope: Scope) -> str:
    """Who asks: an address, or the network of an IPv6 one, of which a visitor has as many as they like."""
    host = (scope.get("client") or ("unknown", 0))[0]
    found = parse_address(host)
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
        elif (
            scope["type"] == "http"
            and path.startswith("/gradio_api")
            and path not in OPEN_PATHS
            and not self._logged_in(scope)
        ):
            await JSONResponse({"detail": "Log in first: this page asks for a password."}, 401)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _logged_in(self, scope: Scope) -> bool:
        try:
            cookies = SimpleCookie(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            return False
        names = (f"access-token-{self.gradio_app.cookie_id}", f"access-token-unsecure-{self.gradio_app.cookie_id}")
        return any(name in cookies and cookies[name].value in self.gradio_app.tokens for name in names)

    async def _log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = client_of(scope)
        wait = self.attempts.wait(client, time.monotonic())
        if wait > MAX_DELAY:
            seconds = math.ceil(wait - MAX_DELAY)
            refusal = JSONResponse({"detail": TOO_MANY_ATTEMPTS.format(seconds)}, 429, {"Retry-After": str(seconds)})
            return await refusal(scope, receive, send)
        await asyncio.sleep(wait)

        async def send_recording(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._record_attempt(client, message["status"])
            await send(message)

        return await self.app(scope, receive, send_recording)

    def _record_attempt(self, client: str, status: int) -> None:
        if status == 200:
            self.attempts.succeeded(client)
        elif status == 400:
            count = self.attempts.clients[client].count if client in self.attempts.clients else 1
            logging.warning("a wrong password from %s, its attempt number %d", client, count)
