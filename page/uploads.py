"""Files that visitors give: uploads of this server, and nothing else that is on the machine."""

from collections.abc import Callable
from pathlib import Path

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder

from runtime.errors import PhotoError

from .site import user_errors

NOT_UPLOADED = "that is no uploaded file; upload the file itself, as gradio_client's handle_file does."


def uploaded(path: str | None) -> str:
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
                    uploaded(getattr(file, "path", None))
            return own(payload)

    component.preprocess = guarded


def patch_file_checks() -> None:
    """Refuse marked files in the same words; Gradio's own refusal of them has none."""
    check = processing_utils._check_allowed

    def check_path(path, check_in_upload_folder: bool) -> None:
        if check_in_upload_folder:
            with user_errors():
                uploaded(path)
        else:  # it is a file that a handler gives
            check(path, check_in_upload_folder)

    processing_utils._check_allowed = check_path
