"""The page on a port of this machine, with nothing fetched from any other."""

import errno
import os
import socket

import gradio as gr
import safehttpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from runtime.command import print_error
from runtime.errors import SettingError

from .bodies import BodyLimit, patch_upload_parser
from .calls import HANDLERS, KnownStreams, patch_gradio_calls
from .guard import Guard, Hosts
from .login import LoginGate
from .look import EXAMPLES
from .style import CSS, HEAD, THEME
from .uploads import patch_file_checks

MAX_UPLOAD = "200mb"
QUEUE = 64  # requests that may wait; more are told to come back
THREADS = 12  # each keeps some memory of its own from the models' work
SESSIONS = 256  # visitors whose photos are kept
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # every network -> how this computer opens what is served on it
SHUTDOWN_SECONDS = 2  # seconds for requests in progress when the server is ended


def forbid_downloads() -> None:
    """Keep Gradio's server from fetching anything: it would look up a URL that is given where a photo belongs."""

    async def refuse(*_, **__):
        raise gr.Error("a photo's address is not looked up; upload the photo itself.", print_exception=False)

    safehttpx.get = safehttpx.async_validate_url = refuse


def application(
    blocks: gr.Blocks, hosts: Hosts, login: tuple[str, str] | None = None, *, behind_proxy: bool = False,
    mcp: bool = False,
) -> ASGIApp:  # fmt: skip
    """The page as an ASGI application, guarded.

    Args:
        hosts: by which it may be asked.
        login: the user and the password that visitors must give.
        behind_proxy: as `Guard` has it.
        mcp: whether `/caption` and `/ask` are offered as tools too.
    """
    forbid_downloads()
    patch_file_checks()
    patch_gradio_calls()
    patch_upload_parser()
    blocks.state_session_capacity = SESSIONS
    blocks.max_threads = THREADS
    blocks.queue(max_size=QUEUE, default_concurrency_limit=4, api_open=False)  # `/run` would compute past the queue
    # Where an application has rules of its own for other origins, Gradio adds none; these let no other origin in.
    outer = Starlette(middleware=[Middleware(CORSMiddleware)])
    gr.mount_gradio_app(
        outer, blocks, "/", auth=login, max_file_size=MAX_UPLOAD, show_error=False,
        css=CSS, theme=THEME, head=HEAD, footer_links=[], mcp_server=mcp,
        enable_monitoring=False, run_history=False, ssr_mode=False,
        allowed_paths=EXAMPLES, app_kwargs={"exception_handlers": HANDLERS},
    )  # fmt: skip
    blocks.app = outer.routes[-1].app
    blocks.app.startup_events_triggered = True  # by the mount; else whoever asks for them begins the queue again
    known = KnownStreams(outer, blocks)
    return Guard(BodyLimit(LoginGate(known, blocks.app) if login else known), hosts, behind_proxy=behind_proxy)


class Server(uvicorn.Server):
    """Ends the streams of open pages when it is ended, for which it would else wait."""

    def __init__(self, config: uvicorn.Config, blocks: gr.Blocks):
        super().__init__(config)
        self.blocks = blocks

    async def shutdown(self, sockets=None) -> None:
        self.blocks.is_running = False
        self.blocks.app.stop_event.set()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A socket at that address; `::` is every network of both kinds.

    Raises:
        SettingError: the address cannot be listened on.
    """
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=kind, dualstack_ipv6=both)
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise SettingError(
                f"port {port} of {host} is in use, perhaps by another Glimpse; choose another --port, or 0 for any."
            ) from None
        raise SettingError(f"{host}:{port} cannot be served ({error}); choose another --host or --port.") from None


def url(host: str, port: int) -> str:
    """How this computer opens what is served at an address."""
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    blocks: gr.Blocks, hosts: Hosts, port: int, login: tuple[str, str] | None, *, behind_proxy: bool = False,
    mcp: bool = False,
) -> None:  # fmt: skip
    """Serve the page until the process is ended; arguments as `application` has them.

    Raises:
        SettingError: the address cannot be listened on.
    """
    if os.environ.get("GRADIO_SHARE", "").lower() == "true":
        raise SettingError("GRADIO_SHARE is not supported; put a reverse proxy before the page and use --behind-proxy.")
    with bind(hosts.served, port) as listener:
        app = application(blocks, hosts, login, behind_proxy=behind_proxy, mcp=mcp)
        port = listener.getsockname()[1]
        if mcp:  # the tools ask the page itself
            blocks.mcp_server_obj._local_url = url(hosts.served, port)
        config = uvicorn.Config(
            app, log_level="warning", proxy_headers=behind_proxy, timeout_graceful_shutdown=SHUTDOWN_SECONDS
        )
        others = "; other computers open it by this one's name or address" if hosts.served in _LOOPBACK else ""
        print_error(f"Glimpse is at {url(hosts.served, port)}{others}")
        Server(config, blocks).run(sockets=[listener])
