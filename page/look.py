"""One photo: its caption word by word, and where the model looked for each."""

import html
from pathlib import Path
from typing import Any

import gradio as gr

from captioner import SearchSettings
from encoders.heatmap import overlay
from encoders.images import open_photo

from .correct import correction
from .session import PhotoSession
from .site import HIDDEN, MODEL_TURN, NO_WORDS, SESSION_SECONDS, SHOWN_SIDE, TILE, Models, Site, user_errors
from .style import HINT
from .uploads import accept_only_uploads

_OWN = Path(__file__).parent / "examples"
EXAMPLES = [  # our own, and two that Gradio ships
    *(str(_OWN / name) for name in ("cat.jpg", "cameraman.jpg", "coffee.jpg")),
    *(gr.get_image(name) for name in ("lion.jpg", "tower.jpg")),
]

# In the browser: a photo given back by an event would be uploaded anew, and an update of its box undo its checks.
REMOVE_BAD_PHOTO = """() => {
  if (document.querySelector("#hint .wrong")?.checkVisibility())
    document.querySelector("#photo button[aria-label='Remove Image']")?.click();
}"""


def caption_photo(models: Models, path: str, settings: SearchSettings) -> PhotoSession:
    """Open, encode and caption a photo."""
    photo = open_photo(path, min_side=SHOWN_SIDE)
    photo.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    model = models.captioner
    features = model.encode(model.preprocessing(photo)[None])
    return PhotoSession(photo, model, features, model.describe(features, settings)[0])


def search_settings(method: str, beam: int, temperature: float, top_k: int, top_p: float, seed: int, max_length: int):
    """The values of the page's controls as SearchSettings."""
    if method == "Sample":
        sampling = {"temperature": temperature, "top_k": int(top_k), "top_p": top_p, "seed": int(seed)}
        return SearchSettings(sample=True, n=3, max_length=int(max_length), **sampling)
    return SearchSettings(beam=int(beam), n=int(beam), max_length=int(max_length))


def caption_updates(session: PhotoSession) -> tuple:
    """Words by confidence, the photo to lay attention on, a tile for each word, other captions, the text to correct."""
    caption = session.caption
    words = [(word.text, word.probability) for word in caption.words] or [(NO_WORDS, None)]
    text = caption.text or NO_WORDS
    whole = gr.update(value=session.photo, label="Choose a word" if caption.words else "The photo", alt_text=text)
    small = session.photo.copy()
    small.thumbnail((TILE, TILE))
    tiles = [
        (overlay(small, p, session.captioner.preprocessing), f"{word.text} {word.probability:.0%}")
        for word, p in zip(caption.words, caption.attention, strict=True)
    ]
    others = "".join(f"<li>{html.escape(other.text or NO_WORDS)}</li>" for other in caption.alternatives)
    return words, whole, tiles, f"<h3>Or perhaps</h3><ul>{others}</ul>" if others else "", caption.text


@user_errors()
def attention_update(session: PhotoSession | None, chosen: gr.SelectData):
    """The photo with the attention of the chosen word over it."""
    if not session or chosen.index >= len(session.caption.words):
        return gr.skip()
    word, p = session.caption.words[chosen.index], session.caption.attention[chosen.index]
    label = f"Where it looked: “{word.text}”, {word.probability:.0%}"
    return gr.update(value=overlay(session.photo, p, session.captioner.preprocessing), label=label, alt_text=label)


def look_panel(site: Site) -> tuple[gr.State, Any]:
    """A photo, its caption word by word, and where the model looked: what is kept of it, and the event of a new one."""
    session = gr.State(None, time_to_live=SESSION_SECONDS)
    with gr.Row(equal_height=False, elem_id="look"):
        with gr.Column():
            photo = gr.Image(
                type="filepath", label="Photo", height=380, elem_id="photo", sources=["upload", "webcam", "clipboard"]
            )
            # The file is handed over unopened: `open_photo` says better what is wrong with a bad one.
            accept_only_uploads(photo, lambda payload: payload.path if payload else None)
            with gr.Column(elem_classes="later"):
                gr.Examples([[path] for path in EXAMPLES], [photo], label="Try one of these")
                controls = search_controls()
        with gr.Column():
            hint = gr.Markdown(HINT, elem_id="hint")
            with gr.Column(visible=False) as result:
                words = gr.HighlightedText(label="Caption: the greener, the surer", elem_id="caption", color_map={},
                                           show_inline_category=False, adjacent_separator=" ")  # fmt: skip
                attended = gr.Image(
                    interactive=False, format="jpeg", buttons=["download", "fullscreen"], elem_classes="looked"
                )
                others = gr.HTML()
                with gr.Accordion("Every word at once", open=False):
                    tiles = gr.Gallery(show_label=False, columns=3, object_fit="contain", format="jpeg", height="auto")
                right = correction(
                    site,
                    session,
                    "The right caption",
                    lambda corrections, current, text: corrections.add_caption(current.photo, text),
                )

    results = [words, attended, tiles, others, right]

    def look(path: str | None, *settings):
        blank = [gr.update(visible=False), None, *[None] * len(results)]  # what was found in the photo before
        if not path:
            return gr.update(visible=True), *blank
        try:
            with user_errors():
                current = caption_photo(site.models, path, search_settings(*settings))
        except gr.Error as error:  # raised, it would lie on the photo's box, which takes the next photo
            gr.Warning(error.message)
            return gr.update(visible=True, value=f'<p class="wrong">{error.message}</p>\n\n{HINT}'), *blank
        return gr.update(visible=False, value=HINT), gr.update(visible=True), current, *caption_updates(current)

    @user_errors()
    def recaption(current: PhotoSession | None, *settings):
        if not current:
            return gr.skip()
        current.caption = current.captioner.describe(current.features, search_settings(*settings))[0]
        return caption_updates(current)

    photo_changed = photo.change(look, [photo, *controls], [hint, result, session, *results], show_progress_on=photo,
                                 **HIDDEN, **MODEL_TURN)  # fmt: skip
    photo_changed.then(None, js=REMOVE_BAD_PHOTO, **HIDDEN)
    for control in controls:
        control.change(recaption, [session, *controls], results, trigger_mode="always_last", **HIDDEN,
                       **MODEL_TURN)  # fmt: skip
    words.select(attention_update, session, attended, show_progress="hidden", **HIDDEN)
    return session, photo_changed


def search_controls() -> list:
    """How words are chosen, folded away; in the order of `search_settings`."""
    with gr.Accordion("How it chooses words", open=False):
        method = gr.Radio(["Search", "Sample"], value="Search", label="Method",
                          info="Search finds the likeliest sentence; sampling draws one.")  # fmt: skip
        beam = gr.Slider(1, 10, 3, step=1, label="Beam", info="Sentences kept at each word")
        with gr.Column(visible=False) as drawing:
            temperature = gr.Slider(0.1, 2.0, 0.8, step=0.1, label="Temperature", info="Bolder above 1")
            top_k = gr.Slider(0, 100, 0, step=1, label="Top-k", info="Draw from so many likeliest words; 0 for all")
            top_p = gr.Slider(
                0.05, 1.0, 1.0, step=0.05, label="Top-p", info="Draw from words of this total probability"
            )
            seed = gr.Slider(1, 100, 1, step=1, label="Draw", info="Another number, another caption")
        max_length = gr.Slider(3, 50, 30, step=1, label="Longest caption", info="In words")
    method.change(lambda m: (gr.update(visible=m == "Search"), gr.update(visible=m == "Sample")),
                  method, [beam, drawing], show_progress="hidden", queue=False, **HIDDEN)  # fmt: skip
    return [method, beam, temperature, top_k, top_p, seed, max_length]
