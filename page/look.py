"""One photo: its caption word by word, and where the model looked for each."""

import html
from pathlib import Path
from typing import Any

import gradio as gr

from captioner import SearchSettings
from encoders.heatmap import overlay
from encoders.images import open_photo

from .correct import correction
from .session import Seen
from .site import HIDDEN, KEPT, MODEL_TURN, NO_WORDS, SHOWN_SIDE, TILE, Models, Site, told
from .style import HINT
from .uploads import take_uploads_only

_OWN = Path(__file__).parent / "examples"
EXAMPLES = [  # our own, and two that Gradio ships
    *(str(_OWN / name) for name in ("cat.jpg", "cameraman.jpg", "coffee.jpg")),
    *(gr.get_image(name) for name in ("lion.jpg", "tower.jpg")),
]


def see(models: Models, path: str, how: SearchSettings) -> Seen:
    """Open, encode and caption a photo."""
    photo = open_photo(path, smallest=SHOWN_SIDE)
    photo.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    model = models.captioner
    features = model.encode(model.preprocessing(photo)[None])
    return Seen(photo, model, features, model.describe(features, how)[0])


def how_to_search(method: str, beam: int, temperature: float, top_k: int, top_p: float, seed: int, max_length: int):
    """The controls of the page as settings."""
    if method == "Sample":
        drawn = {"temperature": temperature, "top_k": int(top_k), "top_p": top_p, "seed": int(seed)}
        return SearchSettings(sample=True, n=3, max_length=int(max_length), **drawn)
    return SearchSettings(beam=int(beam), n=int(beam), max_length=int(max_length))


def shown_caption(seen: Seen) -> tuple:
    """Words by confidence, the photo to lay attention on, a tile for each word, other captions, the text to correct."""
    said = seen.caption
    words = [(word.text, word.probability) for word in said.words] or [(NO_WORDS, None)]
    text = said.text or NO_WORDS
    whole = gr.update(value=seen.photo, label="Choose a word" if said.words else "The photo", alt_text=text)
    small = seen.photo.copy()
    small.thumbnail((TILE, TILE))
    tiles = [
        (overlay(small, p, seen.captioner.preprocessing), f"{word.text} {word.probability:.0%}")
        for word, p in zip(said.words, said.attention, strict=True)
    ]
    others = "".join(f"<li>{html.escape(other.text or NO_WORDS)}</li>" for other in said.alternatives)
    return words, whole, tiles, f"<h3>Or perhaps</h3><ul>{others}</ul>" if others else "", said.text


@told()
def where(seen: Seen | None, chosen: gr.SelectData):
    """The photo with the attention of the chosen word over it."""
    if not seen or chosen.index >= len(seen.caption.words):
        return gr.skip()
    word, p = seen.caption.words[chosen.index], seen.caption.attention[chosen.index]
    label = f"Where it looked: “{word.text}”, {word.probability:.0%}"
    return gr.update(value=overlay(seen.photo, p, seen.captioner.preprocessing), label=label, alt_text=label)


def look_panel(site: Site) -> tuple[gr.State, Any]:
    """A photo, its caption word by word, and where the model looked: what is kept of it, and the event of a new one."""
    seen = gr.State(None, time_to_live=KEPT)
    with gr.Row(equal_height=False, elem_id="look"):
        with gr.Column():
            photo = gr.Image(type="filepath", label="Photo", height=380, sources=["upload", "webcam", "clipboard"])
            # The file is handed over unopened: `open_photo` says better what is wrong with a bad one.
            take_uploads_only(photo, lambda payload: payload.path if payload else None)
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
                    site, seen, "The right caption", lambda kept, now, text: kept.add_caption(now.photo, text)
                )

    results = [words, attended, tiles, others, right]
    nothing = (gr.update(visible=True), gr.update(visible=False), None, *[None] * len(results))

    def look(path: str | None, *how):
        try:
            with told():
                now = see(site.models, path, how_to_search(*how)) if path else None
        except gr.Error:
            yield nothing  # what was said of the photo before is not about this one
            raise
        yield (gr.update(visible=False), gr.update(visible=True), now, *shown_caption(now)) if now else nothing

    @told()
    def say_again(now: Seen | None, *how):
        if not now:
            return gr.skip()
        now.caption = now.captioner.describe(now.features, how_to_search(*how))[0]
        return shown_caption(now)

    looked = photo.change(look, [photo, *controls], [hint, result, seen, *results], show_progress_on=photo, **HIDDEN,
                          **MODEL_TURN)  # fmt: skip
    for control in controls:
        control.change(say_again, [seen, *controls], results, trigger_mode="always_last", **HIDDEN,
                       **MODEL_TURN)  # fmt: skip
    words.select(where, seen, attended, show_progress="hidden", **HIDDEN)
    return seen, looked


def search_controls() -> list:
    """How words are chosen, folded away; in the order of `how_to_search`."""
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
