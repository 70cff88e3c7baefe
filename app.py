"""The page: upload a photo, read what Glimpse sees in it, choose a word to see where it looked.

python app.py [--host H] [--port P] [--captioner DIR] [--auth USER:PASSWORD]
"""

import os
from pathlib import Path
from typing import Annotated

import typer

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no request to any other host

import gradio as gr

from captioner import BUNDLED, Captioner, SearchSettings, load
from encoders.command import run, say
from encoders.errors import GlimpseError, SettingError
from encoders.heatmap import overlay
from encoders.images import open_photo

EXAMPLES = ("cheetah1.jpg", "lion.jpg", "tower.jpg", "bus.png")  # photos that Gradio ships
LARGEST_UPLOAD = "40mb"
SHOWN_SIDE = 900  # pixels; a photo is shown no larger, so that a page stays light

INTRO = """# Glimpse
Drop in a photo and read what a small neural network sees. **Choose a word** to see where it looked for it.
Greener words are those it is surer of."""

CSS = """
.gradio-container {max-width: 1080px !important; margin: auto}
#caption span {font-size: 1.15rem}
"""


def page(captioner: Captioner) -> gr.Blocks:
    """The whole page over one captioner."""

    def caption(path: str | None, method: str, beam: float, temperature: float, max_length: float):
        """Caption a photo: its words with their probabilities, other captions, and the photo to lay attention on."""
        if not path:
            return None, None, "", None
        try:
            how = SearchSettings(max_length=int(max_length), **_method(method, int(beam), temperature))
            photo = open_photo(path)
            said = captioner(photo, how)
        except GlimpseError as error:
            raise gr.Error(str(error), print_exception=False) from None
        photo.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        words = [(word.text, word.probability) for word in said.words]
        others = "\n".join(f"- {other.text}" for other in said.alternatives)
        whole = gr.update(value=photo, visible=True, label="Choose a word", alt_text=said.text)
        return words, whole, f"**Or perhaps**\n{others}" if others else "", (photo, said)

    def look(seen, chosen: gr.SelectData):
        """The photo with the attention of the chosen word over it."""
        if not seen:
            return None
        photo, said = seen
        word = said.words[chosen.index]
        picture = overlay(photo, said.attention[chosen.index], captioner.preprocessing)
        label = f"Where it looked for “{word.text}” ({word.probability:.0%} sure)"
        return gr.update(value=picture, label=label, alt_text=label)

    with gr.Blocks(title="Glimpse", analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        gr.Markdown(INTRO)
        seen = gr.State(None, time_to_live=3600)
        with gr.Row(equal_height=False):
            with gr.Column():
                photo = gr.Image(type="filepath", label="Photo", height=380, sources=["upload", "webcam", "clipboard"])
                # The file is handed over unopened: `open_photo` says better what is wrong with a bad one.
                photo.preprocess = lambda payload: payload.path if payload else None
                gr.Examples([[gr.get_image(name)] for name in EXAMPLES], [photo], label="Try one of these")
                with gr.Accordion("How it chooses words", open=False):
                    method = gr.Radio(["Search", "Sample"], value="Search", label="Method",
                                      info="Search finds the likeliest sentence; sampling draws one.")  # fmt: skip
                    beam = gr.Slider(1, 10, 3, step=1, label="Beam", info="Sentences kept at each word")
                    temperature = gr.Slider(0.1, 2.0, 0.8, step=0.1, label="Temperature",
                                            info="Of sampling: bolder above 1")  # fmt: skip
                    max_length = gr.Slider(3, 50, 30, step=1, label="Longest caption", info="In words")
            with gr.Column():
                words = gr.HighlightedText(label="Caption", show_inline_category=False, elem_id="caption",
                                           adjacent_separator=" ", color_map={})  # fmt: skip
                attended = gr.Image(label="Choose a word", interactive=False, visible=False, format="jpeg")
                others = gr.Markdown()
        controls = [photo, method, beam, temperature, max_length]
        results = [words, attended, others, seen]
        photo.change(caption, controls, results, api_name="caption", concurrency_limit=2)
        for control in controls[1:]:
            control.change(caption, controls, results, api_name=False, concurrency_limit=2, trigger_mode="always_last")
        words.select(look, [seen], [attended], api_name=False, show_progress="hidden")
    return blocks


def _method(method: str, beam: int, temperature: float) -> dict:
    if method == "Sample":
        return {"sample": True, "temperature": temperature, "n": 3}
    return {"beam": beam, "n": beam}


def _login(auth: str | None) -> tuple[str, str] | None:
    if auth is None:
        return None
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise SettingError("--auth needs a user and a password with a colon between them, such as ann:secret.")
    return user, password


def main(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 7860,
    captioner: Annotated[str, typer.Option(help="A captioner's folder, or bundled-captioner.")] = BUNDLED,
    auth: Annotated[str | None, typer.Option(help="USER:PASSWORD that visitors must give.")] = None,
):
    """Serve Glimpse's page."""
    login = _login(auth)
    blocks = page(load(captioner)).queue(max_size=64)
    try:
        blocks.launch(
            server_name=host, server_port=port, auth=login, max_file_size=LARGEST_UPLOAD, quiet=True,
            prevent_thread_lock=True,
            css=CSS, theme=gr.themes.Soft(primary_hue="emerald", font=["system-ui", "sans-serif"]),
            footer_links=[], enable_monitoring=False, run_history=False, ssr_mode=False,
            allowed_paths=[str(Path(gr.get_image(EXAMPLES[0])).parent)],
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise SettingError(f"{host}:{port} cannot be served ({error}); choose another --host or --port.") from None
    say(f"Glimpse is at http://{host}:{port}")
    blocks.block_thread()


if __name__ == "__main__":
    run(lambda: typer.run(main))
