"""Calls of the page's events: those that cannot be are refused in a sentence, where Gradio would stumble over them."""

import gradio as gr
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from gradio import queueing, route_utils, utils
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from .site import FAILED
from .uploads import NOT_UPLOADED

BUSY = "Glimpse is busy: too many requests are waiting. Try again in a minute."
UNKNOWN = "there is no such endpoint; programs can call /caption and /ask, as docs/api.md says."
get_fn, error_payload = route_utils.get_fn, utils.error_payload  # Gradio's own


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
    """What is sent of an error in an event: never nothing."""
    content = error_payload(error, show_error)
    if content.get("error") is None:  # of all that the page takes, only files have a form to be checked
        content["error"] = NOT_UPLOADED if isinstance(error, ValidationError) else FAILED
    return content


def patch_gradio_calls() -> None:
    """Have Gradio call both of these, wherever it looks an event up or tells of an error."""
    route_utils.get_fn = checked_fn
    utils.error_payload = queueing.error_payload = nonempty_error_payload


async def busy(request: Request, error: Exception) -> JSONResponse:
    """What a full queue answers."""
    return JSONResponse({"detail": BUSY}, 503)


async def misshapen(request: Request, error: RequestValidationError) -> JSONResponse:
    """What a request of another form than its route's is told."""
    wrong = error.errors()[0]
    place = ".".join(str(part) for part in wrong["loc"][1:]) or "the request"
    return JSONResponse({"detail": f"{place}: {wrong['msg']}."}, 422)


async def unknown(request: Request, error: KeyError) -> JSONResponse:
    """A name in the address, or a component's number, that the page does not have."""
    if not request.url.path.startswith(("/gradio_api/call/", "/gradio_api/component_server")):
        raise error
    return JSONResponse({"detail": UNKNOWN}, 404)


async def misnamed(request: Request, error: TypeError) -> JSONResponse:
    """`/call/v2` with an argument missing, or with one that its endpoint does not take."""
    if not request.url.path.startswith("/gradio_api/call/v2/"):
        raise error
    return JSONResponse({"detail": str(error).partition(" Please click")[0]}, 422)


async def failed(request: Request, error: Exception) -> JSONResponse:
    """Any other failure; the server's log has it."""
    return JSONResponse({"detail": FAILED}, 500)


async def gone(request: Request, error: ClientDisconnect) -> Response:
    """Whoever left in the middle of a request hears nothing, and the log is not told either."""
    return Response(status_code=400)


HANDLERS = {
    503: busy,
    ClientDisconnect: gone,
    RequestValidationError: misshapen,
    KeyError: unknown,
    TypeError: misnamed,
    Exception: failed,
}
