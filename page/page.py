"""The whole page; each panel is a function of a file of its own."""

import gradio as gr

from .ask import ask_panel
from .inside import inside_panel
from .look import look_panel
from .many import many_panel
from .programs import endpoints
from .retrain import retrain_panel
from .site import SESSION_SECONDS, Site
from .style import FOOTER, INTRO


def page(site: Site) -> gr.Blocks:
    """The whole page; each panel is a function of its own."""
    with gr.Blocks(title="Glimpse", analytics_enabled=False, delete_cache=(SESSION_SECONDS, SESSION_SECONDS)) as blocks:
        gr.HTML(INTRO, elem_id="intro")
        with gr.Tab("One photo") as tab:
            session, photo_changed = look_panel(site)
            ask_panel(site, session, tab, photo_changed)
        with gr.Tab("Inside") as inside:
            inside_panel(site, session, inside)
        with gr.Tab("Many photos"):
            many_panel(site)
        with gr.Tab("Retrain"):
            retrain_panel(site, blocks)
        gr.Markdown(FOOTER, elem_id="footer")
        endpoints(site, blocks)
    return blocks
