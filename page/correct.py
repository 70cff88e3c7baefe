"""Correct it: a box to put a caption or an answer right, kept to retrain with."""

from collections.abc import Callable

import gradio as gr

from runtime.errors import SettingError

from .session import Seen
from .site import HIDDEN, Site, told


def correction(site: Site, seen: gr.State, label: str, keep: Callable) -> gr.Textbox:
    """A box to put a caption or an answer right, for whoever may; `keep(corrections, seen, text)`."""
    if not site.writable:
        return gr.Textbox(visible=False)  # with nothing that listens to it

    @told()
    def kept(now: Seen | None, text: str) -> None:
        if not now:
            raise SettingError("there is no photo to correct; choose one first.")
        keep(site.kept.corrections, now, text)
        gr.Info(f"Kept to retrain with; {len(site.kept.corrections):,} so far.")

    with gr.Accordion("Not right? Correct it", open=False):
        text = gr.Textbox(label=label, max_length=500, submit_btn="Keep")
    text.submit(
        kept, [seen, text], None, show_progress="hidden", concurrency_limit=1, concurrency_id="corrections", **HIDDEN
    )
    return text
