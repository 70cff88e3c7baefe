"""What every part of the page uses: the models, the workspace, and how an error is shown."""

import html
import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import gradio as gr

import captioner
import vqa
from captioner import Captioner
from runtime.errors import GlimpseError, SettingError
from runtime.installed import require_torch
from vqa import Answerer

from .guard import visitor_is_local

SHOWN_SIDE, TILE = 900, 240  # pixels; no photo is shown larger, so that a page stays light
SESSION_SECONDS = 3600  # seconds that a photo and what was said of it are kept
MODEL_TURN = {"concurrency_limit": 2, "concurrency_id": "models"}  # requests that compute at once
HIDDEN = {"api_visibility": "private"}  # the page's own events; programs have `/caption` and `/ask`
NO_WORDS = "(no words)"  # a caption may be empty
NO_ANSWERER = (
    "There is no model for questions yet: train one with `python -m training vqa --data DATA --out runs/vqa`, "
    "then start the page with `--vqa runs/vqa`."
)
LOCAL_ONLY = (
    "Corrections and retraining are off for visitors from another computer or through a proxy, since this page asks "
    "for no password; start it with `--auth USER:PASSWORD` to turn them on."
)
FAILED = "That went wrong on the server, whose log says why; try again, or try another photo."


@contextmanager
def user_errors() -> Iterator[None]:
    """Show a GlimpseError as its sentence and any other exception as a general one, which is logged."""
    try:
        yield
    except gr.Error:
        raise
    except GlimpseError as error:
        # Where the server keeps an upload is nobody's business: its own name is enough.
        text = re.sub(rf"{re.escape(tempfile.gettempdir())}/\S*/", "", str(error))
        raise gr.Error(html.escape(text, quote=False), print_exception=False) from None
    except Exception:
        logging.exception("a request failed")
        raise gr.Error(FAILED, print_exception=False) from None


@dataclass
class Models:
    """The models in use. A model that is replaced serves the sessions that began with it until their next photo."""

    captioner: Captioner
    answerer: Answerer | None = None


@dataclass(frozen=True)
class Site:
    """What the page is built from.

    Attributes:
        workspace: the folder where corrections and runs are kept.
        writable: whether visitors may add to it, and retrain.
        local_only: whether, of the visitors, only those on this machine may.
        data_root: a folder whose folders can be trained on too.
        initial_models: the names of the models that the page began with.
        compared: captioners by name, whose captions stand side by side on the tab “Inside”.
    """

    models: Models
    workspace: Path
    writable: bool = True
    local_only: bool = False
    data_root: Path | None = None
    initial_models: dict[str, str] = field(default_factory=lambda: {"captioner": captioner.BUNDLED, "vqa": vqa.BUNDLED})
    compared: dict[str, Captioner] = field(default_factory=dict)

    def may_write(self) -> bool:
        """Whether the visitor whose event is handled may write."""
        return self.writable and (not self.local_only or visitor_is_local())

    @property
    def storage(self):
        """Corrections, data sets and runs. Every handler that writes comes by here.

        Raises:
            SettingError: this visitor may not write.
        """
        if not self.may_write():
            raise SettingError(LOCAL_ONLY)
        return self._workspace

    @cached_property
    def _workspace(self):
        require_torch("keeping corrections, and retraining,")
        from training.workspace import Workspace

        return Workspace(self.workspace, self.data_root, self.initial_models)
