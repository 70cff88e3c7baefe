"""Checks of calls to the page's events: a malformed call gets a 4xx with a sentence, not Gradio's 500."""

import re

import gradio as gr
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from gradio import queueing, route_utils, utils
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.errors import SettingError, printable

from .site import FAILED, user_errors
from .uploads import NOT_UPLOADED

BUSY = "Glimpse is busy: too many requests are waiting. Try again in a minute."
UNASKED = "nothing was asked for by that name, or its answer was given; call the endpoint first."
_STREAM = re.compile(r"/gradio_api/(?:queue/data|call/(?:v2/)?[^/]+/([^/]+))/?")
UNKNOWN = "there is no such endpoint; programs can call /caption and /ask, as docs/api.md says."
get_fn, error_payload = route_utils.get_fn, utils.error_payload  # Gradio's own
NUMBERS = {part: part.preprocess for part in (gr.Slider, gr.Number)}


def checked_fn(blocks: gr.Blocks, api_name: str | None, body):
    """The event that is called. Raises HTTPException: there is none, or it takes more values than are given."""
    try:
        fn = get_fn(blocks, api_name, body)
    except (KeyError, route_utils.FnIndexInferError):
        raise HTTPException(404, UNKNOWN) from None
    takes = {len(fn.inputs), sum(not part.skip_api for part in fn.inputs)}
    if len(body.data) < min(takes):
        raise HTTPException(422, f"/{fn.api_name} takes {min(takes)} values and was given {len(body.data)}.")
    return fn


def nonempty_error_payload(error: BaseException | None, show_error: bool) -> dict:
    """Gradio's payload for an error in an event, with a sentence where Gradio gives none."""
    content = error_payload(error, show_error)
    if content.get("error") is None:  # of all that the page takes, only files have a form to be checked
        content["error"] = NOT_UPLOADED if isinstance(error, ValidationError) else FAILED
    return content


def checked_number(part: gr.components.Component, value: object):
    """A slider's or a number's value as Gradio has it; a field that is empty or out of range is told by its name."""
    low, high = (limit if limit is not None else end for limit, end in ((part.minimum, -1e300), (part.maximum, 1e300)))
    with user_errors():
        if not isinstance(value, int | float) or not -1e300 < value < 1e300:
            raise SettingError(
                f"{part.label} is {'empty' if value in (None, '') else printable(repr(value)[:80])}; give a number."
            )
        if not low <= value <= high:
            most = f"{low:g} or more" if high == 1e300 else f"{low:g} to {high:g}"
            raise SettingError(f"{part.label} is {value:g}; choose {most}.")
    return NUMBERS[type(part)](part, value)


def patch_gradio_calls() -> None:
    """Replace Gradio's `get_fn`, `error_payload` and what reads numbers by the functions above."""
    for part in NUMBERS:
        part.preprocess = checked_number
    route_utils.get_fn = checked_fn
    utils.error_payload = queueing.error_payload = nonempty_error_payload


class KnownStreams:
    """Answers 404 to whoever listens for answers that nobody asked for; Gradio breaks the connection off.

    Args:
        app: the page's application; blocks: the page.
    """

    def __init__(self, app: ASGIApp, blocks: gr.Blocks):
        self.app, self.blocks = app, blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = _STREAM.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if stream:
            session = stream[1] or Request(scope).query_params.get("session_hash")
            if session and session not in self.blocks._queue.pending_messages_per_session:
                return await JSONResponse({"detail": UNASKED}, 404)(scope, receive, send)
        return await self.app(scope, receive, send)


async def queue_full(request: Request, error: Exception) -> JSONResponse:
    """503: the queue is full."""
    return JSONResponse({"detail": BUSY}, 503)


async def invalid_body(request: Request, error: RequestValidationError) -> JSONResponse:
    """422: the body does not have the form that the route takes."""
    wrong = error.errors()[0]
    place = ".".join(str(part) for part in wrong["loc"][1:]) or "the request"
    return JSONResponse({"detail": f"{place}: {wrong['msg']}."}, 422)


async def not_found(request: Request, error: KeyError) -> JSONResponse:
    """404: the page has no endpoint of that name, or no component of that number."""
    if not request.url.path.startswith(("/gradio_api/call/", "/gradio_api/component_server")):
        raise error
    return JSONResponse({"detail": UNKNOWN}, 404)


async def invalid_arguments(request: Request, error: TypeError) -> JSONResponse:
    """422: `/call/v2` with an argument missing, or with one that its endpoint does not take."""
    if not request.url.path.startswith("/gradio_api/call/v2/"):
        raise error
    return JSONResponse({"detail": str(error).partition(" Please click")[0]}, 422)


async def server_error(request: Request, error: Exception) -> JSONResponse:
    """500: any other failure; the server's log has it."""
    return JSONResponse({"detail": FAILED}, 500)


async def client_gone(request: Request, error: ClientDisconnect) -> Response:
    """400 without a body: the client disconnected in the middle of its request. Nothing is logged."""
    return Response(status_code=400)


HANDLERS = {
    503: queue_full,
    ClientDisconnect: client_gone,
    RequestValidationError: invalid_body,
    KeyError: not_found,
    TypeError: invalid_arguments,
    Exception: server_error,
}
