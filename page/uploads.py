"""Files that visitors give: uploads of this server, and nothing else that is on the machine."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder

from runtime.errors import PhotoError
from runtime.hold import hold

from .site import user_errors

PREFIX, LOCK_SUFFIX = "glimpse-", ".held"  # of a server's folder; of the lock file beside it
NOT_UPLOADED = "that is no uploaded file; upload the file itself, as gradio_client's handle_file does."


@contextmanager
def upload_folder() -> Iterator[str]:
    """A temporary folder for uploads, deleted when the server ends; what killed servers left is deleted first."""
    _delete_abandoned()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        lock_file = Path(folder).with_name(f".{Path(folder).name}{LOCK_SUFFIX}")
        with lock_file.with_suffix(".new").open("x") as file:
            hold(file)
            lock_file.with_suffix(".new").rename(lock_file)  # held already when the next server looks for it
            try:
                yield folder
            finally:
                lock_file.unlink(missing_ok=True)


def _delete_abandoned() -> None:
    """Delete the upload folders whose lock nobody holds: those of servers that were killed."""
    for lock_file in Path(tempfile.gettempdir()).glob(f".{PREFIX}*{LOCK_SUFFIX}") if os.name == "posix" else ():
        with suppress(OSError):
            if lock_file.lstat().st_uid == os.getuid() and not lock_file.is_symlink():
                with lock_file.open() as file:
                    if hold(file):
                        shutil.rmtree(lock_file.with_name(lock_file.stem[1:]), ignore_errors=True)
                        lock_file.unlink()


def require_upload(path: str | None) -> str:
    """The path, if it is that of an upload of this server.

    Raises:
        PhotoError: it is not a regular file inside the upload folder, links followed. One sentence for all that it may
            be instead, so that nobody learns which files there are.
    """
    try:
        real = Path(path or "").resolve(strict=True)
        if real.is_file() and real.is_relative_to(Path(get_upload_folder()).resolve()):
            return str(path)
    except (OSError, RuntimeError, TypeError, ValueError):  # RuntimeError: links in a circle, before Python 3.13
        pass
    raise PhotoError(NOT_UPLOADED)


def accept_only_uploads(component: gr.components.Component, preprocess: Callable | None = None) -> None:
    """Let every event that takes this component's files refuse those that are no uploads.

    Gradio itself checks only payloads that are marked as files.

    Args:
        preprocess: what makes the handlers' value of the payload, the component's own unless given.
    """
    own = preprocess or component.preprocess

    def guarded(payload):
        with user_errors():
            for file in payload if isinstance(payload, (list, tuple)) else getattr(payload, "root", [payload]):
                if file is not None:
                    require_upload(getattr(file, "path", None))
            return own(payload)

    component.preprocess = guarded


def patch_file_checks() -> None:
    """Refuse marked files in the same words; Gradio's own refusal of them has none."""
    check = processing_utils._check_allowed

    def check_path(path, check_in_upload_folder: bool) -> None:
        if check_in_upload_folder:
            with user_errors():
                require_upload(path)
        else:  # it is a file that a handler gives
            check(path, check_in_upload_folder)

    processing_utils._check_allowed = check_path
