"""The page on a port of this machine, with nothing fetched from any other."""

import gradio as gr
import safehttpx
from fastapi.responses import JSONResponse

from runtime.command import say
from runtime.errors import SettingError

from .look import EXAMPLES
from .style import CSS, HEAD, THEME
from .uploads import check_marked_files

LARGEST_UPLOAD = "200mb"
QUEUE = 64  # requests that may wait; more are told to come back
THREADS = 12  # each keeps some memory of its own from the models' work
BUSY = "Glimpse is busy: too many requests are waiting. Try again in a minute."


def stay_here() -> None:
    """Keep Gradio's server from fetching anything: it would look up a URL that is given where a photo belongs."""

    async def refuse(*_, **__):
        raise gr.Error("a photo's address is not looked up; upload the photo itself.", print_exception=False)

    safehttpx.get = safehttpx.async_validate_url = refuse


async def busy(request, error) -> JSONResponse:
    """What a full queue answers."""
    return JSONResponse({"detail": BUSY}, status_code=503)


def serve(blocks: gr.Blocks, host: str, port: int, login: tuple[str, str] | None, *, mcp: bool = False) -> None:
    """Serve the page until the process is ended.

    Raises:
        SettingError: the address cannot be listened on.
    """
    stay_here()
    check_marked_files()
    blocks.queue(max_size=QUEUE, default_concurrency_limit=4)
    try:
        blocks.launch(
            server_name=host, server_port=port, auth=login, max_file_size=LARGEST_UPLOAD, max_threads=THREADS,
            state_session_capacity=256,
            css=CSS, theme=THEME, head=HEAD, footer_links=[], quiet=True, prevent_thread_lock=True, mcp_server=mcp,
            enable_monitoring=False, run_history=False, ssr_mode=False,
            allowed_paths=[gr.get_image(name) for name in EXAMPLES],
            app_kwargs={"exception_handlers": {503: busy}},
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise SettingError(f"{host}:{port} cannot be served ({error}); choose another --host or --port.") from None
    say(f"Glimpse is at http://{host}:{port}")
    blocks.block_thread()
