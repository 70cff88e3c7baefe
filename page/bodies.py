"""Limits on what a request may bring: its size, and room on the disk; an upload that breaks off leaves nothing."""

import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path, PurePath

from fastapi import HTTPException
from gradio import route_utils
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD, TOOLS = "/gradio_api/upload", "/gradio_api/mcp"
MAX_BODY = 8 << 20  # bytes of a request that is no upload: 5,000 photos of an album, by name
MAX_TOOL_BODY = 64 << 20  # which bring photos as text
MAX_FIELD = 1 << 10  # bytes of what comes beside the files of an upload
RESERVE = 1 << 30  # bytes of the disk that uploads leave free, or a tenth of a small disk
TOO_LARGE = "This request is larger than {:,} MB; upload files by /gradio_api/upload."
NO_ROOM = "The server's disk has no room for this upload now; try again later, or with fewer files."


class BodyLimit:
    """Refuses a request whose body is too large, before all of it is in memory.

    Args:
        app: what is served.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") == UPLOAD:
            return await self.app(scope, receive, send)
        most = MAX_TOOL_BODY if scope["path"].startswith(TOOLS) else MAX_BODY
        refusal = JSONResponse({"detail": TOO_LARGE.format(most >> 20)}, 413)
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            return await refusal(scope, receive, send)
        received, refused = 0, False

        async def receive_counted() -> Message:
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received <= most:
                return message
            if not refused:
                refused = True
                await refusal(scope, receive, send)
            return {"type": "http.disconnect"}

        async def send_unless_refused(message: Message) -> None:
            if not refused:
                await send(message)

        try:
            return await self.app(scope, receive_counted, send_unless_refused)
        except Exception:  # the application was told of a disconnect
            if not refused:
                raise


class UploadParser(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which by itself leaves unused files on the disk and holds all other fields in memory.

    Here an upload that breaks off, or for which the disk has no room, leaves nothing and is answered with an error.
    """

    async def parse(self):
        try:
            self.stream = _limited_to_free_disk(self.stream, Path(self.upload_dir))
            form = await super().parse()
        except BaseException as error:
            self._drop(self._files_to_close_on_error)
            if isinstance(error, OSError):
                raise HTTPException(507, NO_ROOM) from None
            raise
        files = [(name, item) for name, item in form.multi_items() if isinstance(item, UploadFile)]
        self._drop([item.file for name, item in files if name != "files"])
        for _, item in files:
            if PurePath(item.filename or "").name in ("", ".", ".."):  # refused later, and the file would stay
                item.filename = "file"
        return form

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is None and (part.field_name == "files" or len(part.data) + end - start > MAX_FIELD):
            raise MultiPartException("An upload takes files, each with a name, and little beside them.")
        super().on_part_data(data, start, end)

    @staticmethod
    def _drop(files: list) -> None:
        for file in files:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                Path(file.name).unlink()


async def _limited_to_free_disk(stream: AsyncIterator[bytes], folder: Path) -> AsyncIterator[bytes]:
    """The same stream. Raises OSError where it would take the last of the disk."""
    disk = shutil.disk_usage(folder)
    room = disk.free - min(RESERVE, disk.total // 10)
    async for chunk in stream:
        room -= len(chunk)
        if room < 0:
            raise OSError(NO_ROOM)
        yield chunk


def patch_upload_parser() -> None:
    """Have Gradio read uploads by this parser."""
    route_utils.GradioMultiPartParser = UploadParser
