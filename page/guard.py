"""Which requests are let through: those to an address of the page, from no other site's pages; and which are local.

A browser lets any site send requests to the page, and a site whose name is made to lead to this machine (DNS rebinding)
may read the answers as well. Both show in what the browser adds to a request: Host, Origin, Sec-Fetch-Site, Referer.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from gradio.context import LocalContext
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.errors import SettingError, printable

LOCAL = "glimpse.local"  # what a scope says of a request that was made on this machine
FORWARDING = ("forwarded", "via", "x-real-ip", "x-gradio-server")  # and x-forwarded-*
NO_FRAMES = (b"content-security-policy", b"frame-ancestors 'self'")  # nobody is led to press what they do not see
FOREIGN = "This request comes from a page of another site; open Glimpse's own page."
BEHIND_PROXY = " Behind a reverse proxy, start it with --behind-proxy."


def host_name(netloc: str) -> str | None:
    """`Photos.example:80` -> `photos.example`, `[::1]:80` -> `::1`; None where it is no host with or without a port."""
    if not re.fullmatch(r"[\w.-]+(:\d*)?|\[[\da-fA-F:.%\w]+\](:\d*)?", netloc, re.ASCII):
        return None
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".") or None
    except ValueError:  # no address between the brackets
        return None


def parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as; None where it is a name."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found  # a socket for both kinds writes ::ffff:127.0.0.1


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached under that name or address."""
    found = parse_address(host)
    return found.is_loopback if found else host == "localhost"


@dataclass(frozen=True)
class Hosts:
    """The hosts that the page may be asked by.

    Attributes:
        served: what it listens on, such as `127.0.0.1` or `::`.
        allowed: further names, such as that of a reverse proxy.

    Raises:
        SettingError: one of them is no host.
    """

    served: str
    allowed: tuple[str, ...] = ()

    def __post_init__(self):
        for name in self.allowed:
            if not parse_address(name) and host_name(name) != name.lower():
                raise SettingError(
                    f"--allowed-host {printable(name)!r} is no host; give its name alone: photos.example"
                )

    def __contains__(self, host: str) -> bool:
        if is_loopback(host) or host in (self.served.lower(), *map(str.lower, self.allowed)):
            return True
        listens = parse_address(self.served)
        if not (listens and listens.is_unspecified):
            return False
        # On every network: a name may be made to lead here by whoever owns it, an address may not.
        return parse_address(host) is not None or host.removesuffix(".local") == socket.gethostname().lower()


def _forwards(header: str) -> bool:
    return header in FORWARDING or header.startswith("x-forwarded-")


def is_local(scope: Scope, headers: Headers) -> bool:
    """Whether a request was made on this machine and came straight here, not through a proxy that runs on it."""
    client = (scope.get("client") or ("", 0))[0]
    name = host_name(headers.get("host", ""))
    through_proxy = any(map(_forwards, headers)) or scope["http_version"] == "1.0"  # what nginx speaks by itself
    return bool(name) and is_loopback(name) and is_loopback(client) and not through_proxy


def visitor_is_local() -> bool:
    """Whether the request whose event is being handled was made on this machine; true outside events."""
    if not LocalContext.in_event_listener.get(False):
        return True
    request = LocalContext.request.get(None)
    return bool(request and request.request.scope.get(LOCAL))  # Gradio's own request wraps the server's


class Guard:
    """Lets through what the page's own addresses are asked for by its own pages and by programs, and refuses the rest.

    Args:
        app: the page.
        hosts: by which it may be asked.
        behind_proxy: whether a reverse proxy stands before it, whose X-Forwarded headers are believed then. They are
            taken away otherwise: Gradio would have the page's scripts call whatever address they name.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, *, behind_proxy: bool = False):
        self.app, self.hosts, self.behind_proxy = app, hosts, behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal and scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        if refusal:
            return await JSONResponse({"detail": refusal}, 403)(scope, receive, send)

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", []), NO_FRAMES]}
            await send(message)

        passed = [
            (name, value) for name, value in scope["headers"] if not self._is_hidden(name.decode("latin-1").lower())
        ]
        local = not self.behind_proxy and is_local(scope, headers)
        return await self.app(scope | {"headers": passed, LOCAL: local}, receive, send_framed)

    def _is_hidden(self, header: str) -> bool:
        return header == "x-gradio-server" or (not self.behind_proxy and _forwards(header))

    def _refusal(self, scope: Scope, headers: Headers) -> str | None:
        """Why a request is refused, in a sentence; None where it is not."""
        forwarded = headers.get("x-forwarded-host", "").split(",")[0].strip() if self.behind_proxy else ""
        for host in filter(None, (headers.get("host", "-"), forwarded)):
            if (name := host_name(host)) is None or name not in self.hosts:
                named = printable(name or host)[:100]
                return f"This page is not served at {named}; whoever runs it can allow that: --allowed-host {named}"
        own = self._origins(scope, headers, forwarded or headers["host"])
        if self._is_foreign(headers, own, has_effect=_has_effect(scope)):
            return FOREIGN + ("" if self.behind_proxy else BEHIND_PROXY)
        return None

    def _origins(self, scope: Scope, headers: Headers, host: str) -> set[str]:
        """The page's own origins, such as `http://127.0.0.1:7860`, as this request would have it."""
        schemes = {scope["scheme"].replace("ws", "http")}
        if self.behind_proxy:  # not every proxy tells which it was asked by
            proto = headers.get("x-forwarded-proto", "").split(",")[0].strip()
            schemes = {proto} if proto else {"http", "https"}
        return {f"{scheme}://{host}".lower() for scheme in schemes}

    def _is_foreign(self, headers: Headers, own: set[str], *, has_effect: bool) -> bool:
        """Whether another site's page sent it. Programs send none of these headers, and an own page some of them.

        Args:
            has_effect: whether it does or computes something. Anyone may link to the rest.
        """
        if (origin := headers.get("origin")) is not None:
            return origin.lower() not in own
        if not has_effect:
            return False
        if (site := headers.get("sec-fetch-site")) is not None:
            return site not in ("same-origin", "none")
        referer = re.match(r"https?://[^/?#]*", headers.get("referer", "").lower())
        return bool(referer) and referer[0] not in own


def _has_effect(scope: Scope) -> bool:
    path = scope["path"]
    return scope.get("method") not in ("GET", "HEAD") or path.startswith(("/gradio_api", "/logout"))
