"""Correct it: a box to put a caption or an answer right, kept to retrain with."""

from collections.abc import Callable

import gradio as gr

from runtime.errors import SettingError

from .session import PhotoSession
from .site import HIDDEN, Site, user_errors


def correction(site: Site, session: gr.State, label: str, save_correction: Callable) -> gr.Textbox:
    """A box to put a caption or an answer right, for whoever may; `save_correction(corrections, session, text)`."""
    if not site.writable:
        return gr.Textbox(visible=False)  # with nothing that listens to it

    @user_errors()
    def save(current: PhotoSession | None, text: str) -> None:
        if not current:
            raise SettingError("there is no photo to correct; choose one first.")
        save_correction(site.storage.corrections, current, text)
        gr.Info(f"Kept to retrain with; {len(site.storage.corrections):,} so far.")

    with gr.Accordion("Not right? Correct it", open=False):
        text = gr.Textbox(label=label, max_length=500, submit_btn="Keep")
    text.submit(
        save, [session, text], None, show_progress="hidden", concurrency_limit=1, concurrency_id="corrections", **HIDDEN
    )
    return text
