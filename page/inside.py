"""Inside: what the decoder's gates did at each word of the caption, what else it weighed, how far gradients reach."""

import base64
import html
import io
from collections.abc import Mapping

import gradio as gr
import numpy as np
from PIL import Image

from captioner import Captioner
from captioner.caption import Word
from encoders.heatmap import overlay
from runtime.errors import SettingError
from runtime.installed import has_torch

from .compare import comparison_html
from .session import PhotoSession
from .site import HIDDEN, MODEL_TURN, Site, user_errors

THUMBNAIL, STRIP_ROWS, GREEN = 400, 4, "#059669"  # pixels; rows of units in a gate's strip, and their colour
NO_PHOTO = "<p>Choose a photo on the tab “One photo” first; then see here what the model does at each word.</p>"
NOT_PYTORCH = (
    "<p>Gates and gradients are read from PyTorch, which is not installed: stop the page, run "
    "<code>pip install '.[train]'</code>, and start it again.</p>"
)
LOOKED = "<b>The picture</b> is brightest where the model looked before it said the word."
UNITS = "A gate's bar is the mean of its units; each field of the strip below is a unit, the greener, the more open."
WEIGHED = (
    "<b>Words weighed</b> are the likeliest in that place. The one said is bold: since whole captions are compared, "
    "not always the first."
)
NOTES = {
    "lstm": "<b>forget</b>: how much of the old memory stays. <b>input</b>: how much of what is new enters. "
            "<b>output</b>: how much of the memory is shown to the rest of the network.",
    "gru": "<b>update</b>: how much of the old state stays. <b>reset</b>: how much of it the new candidate sees.",
    "rnn": "A vanilla recurrent network has no gates: its whole state is written anew at every word.",
}  # fmt: skip
STYLE = """<style>
.inside {display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); gap: 1.25em}
.inside img {margin: .3em 0; border-radius: 4px}
.inside .looked-at {max-width: 100%; max-height: 220px}
.inside .strip {width: 100%; height: 24px; image-rendering: pixelated; background: var(--border-color-primary)}
.inside h4, .reach-title {margin-top: 1em}
.inside div, .reach div {font-size: .9rem; line-height: 1.5}
.share {display: flex; gap: .5em; align-items: center}
.share > span {flex: 0 0 7.5em; overflow-wrap: anywhere}
.share > i {flex: 1; height: 8px; border-radius: 4px; background: var(--border-color-primary); overflow: hidden}
.share > i > i {display: block; height: 100%; background: var(--color-accent)}
.share > b {flex: 0 0 3.5em; text-align: right; font-weight: normal; font-variant-numeric: tabular-nums}
</style>"""


def bar(label: str, share: float, number: str, *, bold: bool = False) -> str:
    """One line: a label, a bar of this share of its room, a number."""
    width = f"{100 * share:.1f}%"
    name = f"<strong>{html.escape(label)}</strong>" if bold else html.escape(label)
    return (f'<div class="share"><span>{name}</span><i><i style="width: {width}"></i></i>'
            f"<b>{number}</b></div>")  # fmt: skip


def image(picture: Image.Image, kind: str, alt: str, attributes: str = "") -> str:
    """A picture as HTML that needs no other file."""
    file = io.BytesIO()
    picture.save(file, kind)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img src="data:image/{kind};base64,{data}" alt="{html.escape(alt)}" {attributes}>'


def strip(values: np.ndarray, alt: str) -> str:
    """Every unit of a gate (H,) as a small field: nothing where it is shut, green where it is open."""
    rows = STRIP_ROWS if len(values) % STRIP_ROWS == 0 else 1
    opened = Image.fromarray((255 * values.reshape(rows, -1)).round().astype(np.uint8))
    fields = Image.new("RGB", opened.size, GREEN)
    fields.putalpha(opened)  # so that the page's own colour, light or dark, is seen where it is shut
    return image(fields, "png", alt, 'class="strip"')


def gates_html(gates: dict[str, np.ndarray], t: int) -> str:
    """Mean and strip of every gate of every layer at word t."""
    lines = []
    for name, values in gates.items():
        for n, layer in enumerate(values[t], 1):
            label = name if values.shape[1] == 1 else f"{name}, layer {n}"
            lines.append(bar(label, layer.mean(), f"{layer.mean():.2f}") + strip(layer, f"units of the {label} gate"))
    return "".join(lines)


def candidates_html(words: tuple[Word, ...], said: str) -> str:
    """The words that the model weighed, with their probabilities."""
    names = {"<end>": "(the end)", "<unk>": "(a rarer word)"}
    return "".join(
        bar(names.get(w.text, w.text), w.probability, f"{w.probability:.0%}", bold=w.text == said) for w in words
    )


def reach_html(words: list[str], gradient: np.ndarray) -> str:
    """How far the last word's gradient reaches back."""
    shares = gradient / max(gradient.max(), 1e-30)
    bars = "".join(bar(w, s, f"{s:.2f}") for w, s in zip(words, shares, strict=True))
    return (f"<h3 class='reach-title'>How far back “{html.escape(words[-1])}” reaches</h3>"
            "<p>How much it depends on the state before each word: the size of the gradient of its log-probability, "
            "the largest as 1.</p>"
            f"<div class='reach'>{bars}</div>")  # fmt: skip


def inside_html(session: PhotoSession | None, compared: Mapping[str, Captioner] | None = None) -> str:
    """The whole tab, for the caption that is on the page; `compared` caption the photo too."""
    if not session or not session.caption.words:
        return NO_PHOTO
    if not has_torch():
        return NOT_PYTORCH
    from captioner.inside import inspect_caption  # PyTorch; a page that nobody looks inside does without

    try:
        found = inspect_caption(session.captioner, session.features, session.caption)
    except SettingError:
        return NOT_PYTORCH
    small = session.photo.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    cards = []
    for t, (word, p) in enumerate(zip(session.caption.words, session.caption.attention, strict=True)):
        looked = overlay(small, p, session.captioner.preprocessing)
        seen = image(looked, "jpeg", f"where it looked: {word.text}", 'class="looked-at"')
        cards.append(
            f"<div><h3>{t + 1}. {html.escape(word.text)}</h3>{seen}{gates_html(found.gates, t)}"
            f"<h4>Words weighed</h4>{candidates_html(found.candidates[t], word.text)}</div>"
        )
    words = [word.text for word in session.caption.words]
    gates = " ".join((NOTES.get(found.cell, ""), UNITS if found.gates else ""))
    notes = "".join(f"<p>{note}</p>" for note in (LOOKED, gates, WEIGHED))
    return (f"{STYLE}<h2>“{html.escape(session.caption.text)}”, as its {found.cell.upper()} said it</h2>{notes}"
            f"<div class='inside'>{''.join(cards)}</div>{reach_html(words, found.gradient)}"
            f"{comparison_html(compared or {}, session.photo)}")  # fmt: skip


def inside_panel(site: Site, session: gr.State, tab: gr.Tab) -> None:
    """Filled whenever the tab is opened: what it shows costs as much as saying the caption again."""
    shown = gr.HTML(NO_PHOTO, elem_id="inside")

    @user_errors()
    def look(current: PhotoSession | None) -> str:
        return inside_html(current, site.compared)

    tab.select(look, session, shown, show_progress="hidden", **HIDDEN, **MODEL_TURN)
