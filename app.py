"""The page: upload a photo, read what Glimpse sees in it, ask about it, caption many, correct what is wrong, retrain.

python app.py [--host H] [--port P] [--captioner DIR] [--vqa DIR] [--workspace DIR] [--data-root DIR]
              [--auth USER:PASSWORD] [--mcp]
"""

import html
import ipaddress
import logging
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no request to any other host

import gradio as gr
import safehttpx
from fastapi.responses import JSONResponse
from gradio_client.utils import is_file_obj_with_meta

import captioner
import vqa
from captioner import Caption, Captioner, SearchSettings
from captioner.album import Entry, uploaded_album, write_coco, write_csv, write_jsonl
from encoders.heatmap import overlay
from encoders.images import open_photo
from runtime.command import run, say
from runtime.errors import GlimpseError, ModelError, PhotoError, SettingError
from vqa import Answerer, Look
from vqa.answer import spoken, to_json

EXAMPLES = ("cheetah1.jpg", "lion.jpg", "tower.jpg", "bus.png")  # photos that Gradio ships
SHOWN_SIDE, TILE = 900, 240  # pixels; no photo is shown larger, so that a page stays light
TILES = 120  # photos shown of an album; the files to download hold all of it
LARGEST_UPLOAD = "200mb"
QUEUE = 64  # requests that may wait; more are told to come back
THREADS = 12  # each keeps some memory of its own from the models' work
KEPT = 3600  # seconds that a photo and what was said of it are kept
MODEL_TURN = {"concurrency_limit": 2, "concurrency_id": "models"}  # requests that compute at once
HIDDEN = {"api_visibility": "private"}  # the page's own events; programs have `/caption` and `/ask`
NO_WORDS = "(no words)"  # a caption may be empty
NO_ANSWERER = (
    "There is no model for questions yet: train one with `python -m training vqa --data DATA --out runs/vqa`, "
    "then start the page with `--vqa runs/vqa`."
)
FAILED = "That went wrong on the server, whose log says why; try again, or try another photo."
BUSY = "Glimpse is busy: too many requests are waiting. Try again in a minute."
HEAD = """<meta http-equiv="Content-Security-Policy"
content="default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'">"""  # the browser loads from no other host

WRITERS = {"captions.csv": write_csv, "captions.jsonl": write_jsonl, "captions.json": write_coco}

INTRO = """<h1>Glimpse</h1>
<p>What a small neural network sees in a photo, and where it looks for each word.</p>"""
HINT = """Drop in a photo, paste one or take one: its caption comes here, each word shaded by how sure the model is.

**Choose a word** to see where the model looked for it. Then **ask** about what the caption leaves out."""
FOOTER = """Photos stay on the computer that serves this page and are deleted within two hours.
Programs can use the same models through `/caption` and `/ask`: see docs/api.md."""
_DARK, _GREEN = "*primary_800", "*primary_700"  # so dark that small text can be read on and beside it
THEME = gr.themes.Soft(
    primary_hue="emerald", secondary_hue="emerald", neutral_hue="stone", radius_size="lg",
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"],
).set(
    color_accent=_GREEN, block_title_text_color=_DARK,
    block_label_text_color=_DARK, block_label_background_fill_dark=_DARK,
    button_primary_background_fill=_GREEN, button_primary_background_fill_dark=_GREEN,
    button_primary_background_fill_hover=_DARK, button_primary_background_fill_hover_dark=_DARK,
    checkbox_label_background_fill_selected=_GREEN, checkbox_label_background_fill_selected_dark=_GREEN,
    body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300",
)  # fmt: skip
CSS = """
:is(.facts, .scores, .learnt) :is(table, tr, td, th), table:is(.facts, .scores) {border: none !important}
:is(.facts, .scores, .learnt) :is(td, th) {
  padding: .15em 1.25em .15em 0 !important; text-align: left; vertical-align: top;
}
.facts td {white-space: pre-line; overflow-wrap: anywhere}
.facts th, .learnt th {white-space: nowrap}
.scores :is(td, th + th) {text-align: right !important; font-variant-numeric: tabular-nums}
.wrong, .right {border-left: 4px solid #c2410c; padding-left: .75em; margin: .5em 0}
.right {border-color: #059669}
.bar {background: var(--border-color-primary); border-radius: 4px; height: 8px; overflow: hidden; margin: .5em 0}
.bar div {background: var(--color-accent); height: 100%; transition: width 1s}
.learnt {display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 1em}
.learnt > div {display: flex; gap: 1em; align-items: flex-start}
.learnt img {width: 96px; flex: none; border-radius: 6px}
.learnt table {margin: 0 !important}
#packed {display: none}
.gradio-container {max-width: min(1120px, 100vw) !important; margin: auto !important}
.dark {--color-accent: var(--primary-400)}
#intro h1 {font-size: 1.7rem; margin: 0}
#intro p, #hint p, #footer p {color: var(--body-text-color-subdued)}
#hint {padding: 1rem}
#footer p {font-size: .85rem}
#caption .score-token {filter: hue-rotate(150deg); font-size: 1.15rem} /* Gradio's scores are red, which warns */
.submit-button {background: var(--button-primary-background-fill) !important; color: white !important; padding: 0 1rem}
.caption-label {white-space: normal !important; max-width: 92% !important}
#ask .bubble-wrap {margin-top: 2.6rem} /* what is said stays below the label, also when it is scrolled */
.fixed-height {min-height: 0 !important; max-height: none !important}
.looked .image-container {padding-top: 2.6rem} /* its label lies beside the picture, not on it */
.looked label {max-width: calc(100% - 6rem)} /* beside its buttons */
.looked .image-frame {width: 100% !important}
.looked img {width: 100%; height: 20rem; object-fit: contain} /* a small photo too: where it looked is to be seen */
@media (max-width: 640px) { /* one column: the caption comes right under the photo */
  #look > div {display: contents}
  #look > div > * {flex: 1 1 100%; min-width: 0 !important}
  #look .later {order: 1}
  .looked .image-container {padding-top: 3.8rem} /* its label may take two lines */
}
"""


@contextmanager
def told() -> Iterator[None]:
    """A user's mistake becomes one sentence on the page, any other failure a plain one; never a traceback."""
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
    """The models in use. One set anew counts from the next photo; whoever looks at one keeps what they began with."""

    captioner: Captioner
    answerer: Answerer | None = None


@dataclass(frozen=True)
class Site:
    """What the page is built from.

    Attributes:
        workspace: the folder where corrections and runs are kept.
        writable: whether visitors may add to it, and retrain.
        data_root: a folder whose folders can be trained on too.
        given: the names of the models that the page began with.
    """

    models: Models
    workspace: Path
    writable: bool = True
    data_root: Path | None = None
    given: dict[str, str] = field(default_factory=lambda: {"captioner": captioner.BUNDLED, "vqa": vqa.BUNDLED})

    @cached_property
    def kept(self):
        """Corrections, data sets and runs: of use only to the handlers that write."""
        from training.workspace.workspace import Workspace

        return Workspace(self.workspace, self.data_root, self.given)


@dataclass(frozen=True)
class Seen:
    """What a session keeps of the photo on its page, which is encoded once.

    Attributes:
        photo: no larger than `SHOWN_SIDE`.
        features: (1, L, D), by the encoder of `captioner`.
        look: for questions, from the first one on.
        talk: the conversation, as `gr.Chatbot` takes it.
    """

    photo: Any
    captioner: Captioner
    features: Any
    caption: Caption
    look: Look | None = None
    talk: tuple[dict, ...] = ()


# Look


def see(models: Models, path: str, how: SearchSettings) -> Seen:
    """Open, encode and caption a photo."""
    photo = open_photo(path, smallest=SHOWN_SIDE)
    photo.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    model = models.captioner
    features = model.encode(model.preprocessing(photo).unsqueeze(0))
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
            photo.preprocess = lambda payload: payload.path if payload else None
            with gr.Column(elem_classes="later"):
                gr.Examples([[gr.get_image(name)] for name in EXAMPLES], [photo], label="Try one of these")
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
    def say_again(before: Seen | None, *how):
        if not before:
            return gr.skip()
        now = replace(before, caption=before.captioner.describe(before.features, how_to_search(*how))[0])
        return now, *shown_caption(now)

    looked = photo.change(look, [photo, *controls], [hint, result, seen, *results], show_progress_on=photo, **HIDDEN,
                          **MODEL_TURN)  # fmt: skip
    for control in controls:
        control.change(say_again, [seen, *controls], [seen, *results], trigger_mode="always_last", **HIDDEN,
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


# Ask


def ask(models: Models, seen: Seen | None, question: str) -> tuple[Seen, list[vqa.Answer]]:
    """Answer a question about the photo: encoded once for the captioner and, where it sees alike, for the answerer."""
    answerer = models.answerer
    if not seen:
        raise SettingError("there is no photo yet; choose one first.")
    if answerer is None:
        raise SettingError(NO_ANSWERER)
    look = seen.look
    if look is None or look.answerer is not answerer:
        alike = answerer.sees_like(seen.captioner)
        look = answerer.look_at(seen.features) if alike else answerer.look(seen.photo)
    answers = look.ask(question)
    turn = {"role": "user", "content": question.strip()}, {"role": "assistant", "content": spoken(answers)}
    return replace(seen, look=look, talk=(*seen.talk, *turn)), answers


def shown_answers(seen: Seen, answers: list[vqa.Answer]) -> tuple:
    """The conversation, bars, where the model looked over all glimpses, no question, the text to correct."""
    best = answers[0]
    picture = gr.update(visible=False)
    if len(best.attention):
        label = f"Where it looked: “{best.text}”"
        heat = overlay(seen.photo, best.attention.mean(0), seen.look.answerer.preprocessing)
        picture = gr.update(value=heat, label=label, alt_text=label, visible=True)
    return list(seen.talk), {a.text: a.probability for a in answers}, picture, "", best.text


def can_ask(models: Models) -> tuple:
    """The conversation and the question's box where there is a model for questions, else a word on how to get one."""
    there = models.answerer is not None
    return gr.update(visible=there), gr.update(visible=there), gr.update(visible=not there)


def keep_answer(kept, seen: Seen, text: str) -> None:
    """Keep the right answer to the last question."""
    kept.add_answer(seen.photo, seen.talk[-2]["content"], text)


def ask_panel(site: Site, seen: gr.State, tab: gr.Tab, looked) -> None:
    """Questions about the photo and the conversation so far, which ends with the next photo (`looked`, the event)."""
    with gr.Column(visible=False, elem_id="ask") as panel, gr.Row(equal_height=False):
        with gr.Column():
            talk = gr.Chatbot(label="Conversation about this photo", height=420, render_markdown=False, buttons=[],
                              feedback_options=None, placeholder="Ask what the caption leaves out.")  # fmt: skip
            question = gr.Textbox(label="Question", placeholder="What colour is it?", max_length=1000, submit_btn="Ask")
            none = gr.Markdown(NO_ANSWERER, visible=False)
        with gr.Column(visible=False) as result:
            bars = gr.Label(label="Likeliest answers", show_heading=False, num_top_classes=5)
            picture = gr.Image(
                interactive=False, format="jpeg", buttons=["download", "fullscreen"], elem_classes="looked"
            )
            right = correction(site, seen, "The right answer", keep_answer)

    @told()
    def answer(before: Seen | None, question: str):
        now, answers = ask(site.models, before, question)
        return now, gr.update(visible=True), *shown_answers(now, answers)

    question.submit(answer, [seen, question], [seen, result, talk, bars, picture, question, right],
                    show_progress="hidden", **HIDDEN, **MODEL_TURN)  # fmt: skip
    talk.clear(lambda now: now and replace(now, talk=()), seen, seen, show_progress="hidden", **HIDDEN)
    looked.then(lambda now: (gr.update(visible=bool(now)), gr.update(visible=False), [], ""),
                seen, [panel, result, talk, question], show_progress="hidden", **HIDDEN)  # fmt: skip
    # Retraining may have brought the first model for questions while the page was open.
    for event in (looked.then, tab.select):
        event(lambda: can_ask(site.models), None, [talk, question, none], show_progress="hidden", queue=False, **HIDDEN)


# Correct it


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


# Many


def tile(entry: Entry) -> tuple:
    """A small picture of a photo, and its caption."""
    photo = open_photo(entry.path, smallest=TILE)
    photo.thumbnail((TILE * 2, TILE * 2))
    return photo, entry.caption.text or NO_WORDS


def report(entries: list[Entry]) -> str:
    """How many photos were captioned, and the files that could not be opened (HTML)."""
    bad = [html.escape(entry.error) for entry in entries if entry.error]
    good = len(entries) - len(bad)
    text = f"<p><b>{good:,} of {len(entries):,} photos captioned.</b>"
    text += f" The first {TILES} are shown; the files hold all.</p>" if good > TILES else "</p>"
    return text + (f"<ul>{''.join(f'<li>{error}</li>' for error in bad)}</ul>" if bad else "")


def many_panel(site: Site) -> None:
    """Many photos in one go: a progress bar, a gallery, and files to download."""
    gr.Markdown(
        "Choose photos, a zip of them or a whole folder. A file that cannot be opened is listed; the rest go on."
    )
    with gr.Row(equal_height=False):
        files = gr.File(label="Photos, or a zip", file_count="multiple", height=180, type="filepath", scale=3)
        with gr.Column(min_width=160, scale=1):
            folder = gr.UploadButton("Choose a folder", file_count="directory", type="filepath")
            start = gr.Button("Caption them", variant="primary")
    with gr.Column(visible=False) as result:
        told_all = gr.HTML()
        with gr.Row():
            downloads = [gr.DownloadButton(name, size="sm") for name in WRITERS]
        gallery = gr.Gallery(label="Captions", columns=4, fit_columns=False, object_fit="cover", format="jpeg")

    def many(chosen: list[str] | None, progress=gr.Progress()):  # noqa: B008 - how Gradio asks for one
        with told(), tempfile.TemporaryDirectory() as scratch:
            if not chosen:
                raise SettingError("there are no photos yet; choose some, or a zip of them.")
            total, stream = uploaded_album(site.models.captioner, chosen, Path(scratch))
            entries = []
            for entry in stream:
                entries.append(entry)
                progress((len(entries), total), desc=entry.name, unit="photos")
            tiles = [tile(entry) for entry in [e for e in entries if e.caption][:TILES]]
            paths = [Path(scratch) / name for name in WRITERS]
            for path in paths:
                WRITERS[path.name](entries, path)
            yield gr.update(visible=True), report(entries), tiles, *map(str, paths)  # copied before this goes on

    folder.upload(lambda chosen: chosen, folder, files, **HIDDEN)
    start.click(many, files, [result, told_all, gallery, *downloads], show_progress_on=files, concurrency_limit=1,
                **HIDDEN)  # fmt: skip


# Retrain

KINDS = {"Captions": "captioner", "Answers to questions": "vqa"}
RETRAIN_IS_OFF = (
    "Retraining is off, since this page can be reached from a network and asks for no password. Start it with "
    "`--auth USER:PASSWORD` to turn it on."
)
POLL = 2  # seconds between two looks at a run
NO_DATA = "<p>Choose a data set: it is looked through first, and what is found is told here.</p>"
CHECKING = "<p role='status'>Looking through the data set…</p>"


def curves(run, now) -> tuple:
    """The loss by step, and the score that decides by epoch."""
    from pandas import DataFrame

    captions = run.about["kind"] == "captioner"
    name, label = ("cider", "CIDEr of held-out photos") if captions else ("accuracy", "Held-out answers right, %")
    losses = DataFrame(now.losses, columns=["step", "loss"])
    scores = DataFrame([{"epoch": s["epoch"], "score": s.get(name)} for s in now.scores], columns=["epoch", "score"])
    return gr.update(value=losses), gr.update(value=scores, label=label)


def watch_panel(site: Site) -> gr.Dropdown:
    """A run as it goes; which one is chosen comes back."""
    chosen = gr.Dropdown([], label="Run", interactive=True, visible=False)
    plot = {"buttons": [], "x_axis_format": ".6~g"}
    with gr.Column(visible=False) as shown:
        state = gr.HTML()
        with gr.Row():
            stop = gr.Button("Stop", variant="stop")
            resume = gr.Button("Resume")
            use = gr.Button("Use the new model on this page", variant="primary")
            download = gr.Button("Download the model")
        packed = gr.DownloadButton(elem_id="packed")  # pressed by the button above, when the file is there
        scores = gr.HTML()
        with gr.Row():
            loss = gr.LinePlot(x="step", y="loss", label="Loss", **plot)
            score = gr.LinePlot(x="epoch", y="score", label="Score", **plot)
        samples = gr.HTML()
    timer = gr.Timer(POLL, active=False)
    outputs = [shown, state, scores, loss, score, samples, stop, resume, use, download, timer]

    @told()
    def view(name: str | None) -> tuple:
        from training.workspace.show_run import learnt_html, scores_html, standing_html

        if not name:
            return gr.update(visible=False), *[gr.skip()] * (len(outputs) - 1)
        run = site.kept.runs.get(name)
        now, going, model = run.progress(), run.state == "running", run.model
        buttons = (going, run.state in ("stopped", "failed"), model and not going, model and not going)
        return (gr.update(visible=True), standing_html(run, now), scores_html(run), *curves(run, now),
                learnt_html(now), *(gr.update(visible=bool(b)) for b in buttons), gr.Timer(active=going))  # fmt: skip

    @told()
    def swap(name: str) -> None:
        run = site.kept.runs.get(name)
        if run.about["kind"] == "captioner":
            site.models.captioner = captioner.load(run.model)
        else:
            site.models.answerer = vqa.load(run.model)
        gr.Info(f"“One photo” and “Many photos” now use {name}, until the page is started again.")

    def pack(name: str):
        with told(), tempfile.TemporaryDirectory() as scratch:
            yield str(site.kept.runs.get(name).zip(scratch))  # copied before this goes on

    @told()
    def stop_it(name: str) -> tuple:
        site.kept.runs.stop(name)
        gr.Info("It saves what it has learnt, and ends.", title="Stopping")
        return view(name)

    @told()
    def resume_it(name: str) -> tuple:
        site.kept.runs.resume(name)
        return view(name)

    stop.click(stop_it, chosen, outputs, **HIDDEN)
    resume.click(resume_it, chosen, outputs, **HIDDEN)
    use.click(swap, chosen, None, **HIDDEN)
    download.click(pack, chosen, packed, **HIDDEN).then(js="() => document.querySelector('#packed').click()")
    chosen.change(view, chosen, outputs, show_progress="hidden", **HIDDEN)
    timer.tick(view, chosen, outputs, show_progress="hidden", **HIDDEN)
    return chosen


def retrain_panel(site: Site, blocks: gr.Blocks) -> None:
    """Choose and check data, train, and watch. All is read from the runs' folders, so that a page may come and go."""
    if not site.writable:
        gr.Markdown(RETRAIN_IS_OFF)
        return
    with gr.Row(equal_height=False):
        with gr.Column():
            kind = gr.Radio(list(KINDS.items()), value="captioner", label="What the model learns to say")
            data = gr.Dropdown(site.kept.data_sets.list("captioner"), value=None, label="Data set", interactive=True,
                               allow_custom_value=site.data_root is not None)  # fmt: skip
            given_zip = gr.UploadButton("Upload a data set as a zip", file_types=[".zip"])
            begin = gr.Dropdown(site.kept.beginnings("captioner"), label="Begin with", interactive=True)
            with gr.Accordion("How it learns", open=False):
                epochs = gr.Slider(1, 50, 10, step=1, label="Epochs", info="Passes over the photos")
                rate = gr.Number(1e-3, label="Learning rate", info="Lower it when the scores fall")
                count = gr.Slider(1, 10, 2, step=1, label="New words", info="Learnt when they occur this often")
                tune = gr.Checkbox(False, label="Train the encoder too", info="Much slower; better with many photos")
        with gr.Column():
            report = gr.HTML(NO_DATA)
            anyway = gr.Checkbox(False, label="Train all the same", visible=False)
            start = gr.Button("Train", variant="primary", interactive=False)
    chosen = watch_panel(site)

    def check(kind: str, given: str | None, begin: str, count: int, tune: bool):
        from training.workspace.show_run import check_html, wrong_html

        hidden, off = gr.update(visible=False, value=False), gr.update(interactive=False)
        yield CHECKING if given else NO_DATA, hidden, off
        if not given:
            return
        with told():
            try:
                report = site.kept.check(kind, given, begin, count=int(count), tune=tune)
            except GlimpseError as error:
                yield wrong_html(str(error)), hidden, off
            else:
                yield check_html(report), gr.update(visible=bool(report.stops)), gr.update(interactive=True)

    @told()
    def train(kind: str, given: str, begin: str, anyway: bool, epochs: int, rate: float, count: int, tune: bool):
        options = site.kept.options(kind, begin) | ({"min_answers": count} if kind == "vqa" else {})
        run = site.kept.runs.start(
            kind, site.kept.data_sets.find(given), epochs=int(epochs), learning_rate=rate, min_count=int(count),
            finetune_encoder=tune, anyway=anyway, **options,
        )  # fmt: skip
        return list_runs(run.name)

    def list_runs(name: str | None):
        return gr.update(choices=[run.name for run in site.kept.runs.list()], value=name, visible=bool(name))

    @told()
    def choices(kind: str):
        sets, begins = site.kept.data_sets.list(kind), site.kept.beginnings(kind)
        return gr.update(choices=sets, value=None), gr.update(choices=begins, value=begins[0][1])

    @told()
    def unpacked(kind: str, file: str):
        folder = site.kept.data_sets.add(file)
        return gr.update(choices=site.kept.data_sets.list(kind), value=str(folder))

    @told()
    def arrive():
        """What is new since the server began: data sets, models, and the run that is going on or was the last."""
        kept = site.kept
        found = kept.runs.list()
        shown = [run.name for run in found if run.state == "running"] or [run.name for run in found]
        sets, begins = kept.data_sets.list("captioner"), kept.beginnings("captioner")
        return gr.update(choices=sets), gr.update(choices=begins), list_runs(shown[0] if shown else None)

    given_zip.upload(unpacked, [kind, given_zip], data, concurrency_limit=1, **HIDDEN)
    kind.change(choices, kind, [data, begin], show_progress="hidden", **HIDDEN)
    gr.on([data.change, begin.change, tune.change], check, [kind, data, begin, count, tune], [report, anyway, start],
          concurrency_limit=1, trigger_mode="always_last", **HIDDEN)  # fmt: skip
    start.click(train, [kind, data, begin, anyway, epochs, rate, count, tune], chosen, **HIDDEN)
    blocks.load(arrive, None, [data, begin, chosen], show_progress="hidden", **HIDDEN)


# For programs


def upload(photo: dict) -> Path:
    """Where an upload is. Gradio has checked the path of whatever says it is one; nothing else is read.

    Raises:
        PhotoError: it is no upload.
    """
    if not is_file_obj_with_meta(photo):
        raise PhotoError("photo is no uploaded file; send the file itself, as gradio_client's handle_file does.")
    return Path(photo["path"])


def checked(blocks: gr.Blocks, call: Callable) -> Callable:
    """The call, after every value was found to be of the type its signature names: programs send anything.

    Gradio keeps a session for each program that calls, half a megabyte for hours; it is let go here with the answer.
    """
    types = {name: p.annotation for name, p in signature(call).parameters.items() if name not in ("photo", "request")}

    @told()
    @wraps(call)
    def careful(photo, *values):
        *values, request = values
        for sessions in (blocks.state_holder.session_data, blocks.state_holder.time_last_used):
            sessions.pop(request.session_hash, None)
        for (name, kind), value in zip(types.items(), values, strict=True):
            if not isinstance(value, (int, float) if kind is float else kind):
                raise SettingError(f"{name} is {value!r}; give a value of type {kind.__name__}.")
        return call(photo, *values)

    return careful


def endpoints(site: Site, blocks: gr.Blocks) -> None:
    """`/caption` and `/ask`, with the command lines' options and JSON."""

    def caption(
        photo: gr.FileData,
        beam: int = 3,
        sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        n: int = 3,
        max_length: int = 30,
        seed: int = 1,
        request: gr.Request | None = None,
    ) -> dict:
        """Say what is in a photo, with each word's probability and the next best captions.

        Args:
            photo: the photo, uploaded.
            beam: sentences kept at each word; 1 is greedy.
            sample: draw words at random instead, as temperature, top_k, top_p and seed say.
            temperature: below 1 surer, above 1 bolder.
            top_k: sample from the so many likeliest words; 0 for all.
            top_p: sample from the likeliest words of this total probability.
            n: captions to give, the best and its alternatives; at most the beam.
            max_length: most words of a caption.
            seed: of sampling.
        """
        how = SearchSettings(beam=beam, sample=sample, temperature=temperature, top_k=top_k, top_p=top_p,
                             n=n if sample else min(n, beam), max_length=max_length, seed=seed)  # fmt: skip
        path = upload(photo)
        return {"image": path.name, **site.models.captioner(path, how).to_json()}

    def ask(photo: gr.FileData, question: str, top: int = 5, request: gr.Request | None = None) -> dict:
        """Answer a question about a photo: the likeliest answers with probabilities, and whether the best is sure.

        Args:
            photo: the photo, uploaded.
            question: in words, such as: what colour is the dog?
            top: answers to give, best first.
        """
        if site.models.answerer is None:
            raise SettingError(NO_ANSWERER)
        path = upload(photo)
        return {"image": path.name, "question": question, **to_json(site.models.answerer.look(path).ask(question, top))}

    for call in (caption, ask):
        gr.api(checked(blocks, call), api_name=call.__name__, **MODEL_TURN)


# The whole


def page(site: Site) -> gr.Blocks:
    """The whole page; each panel is a function of its own."""
    with gr.Blocks(title="Glimpse", analytics_enabled=False, delete_cache=(KEPT, KEPT)) as blocks:
        gr.HTML(INTRO, elem_id="intro")
        with gr.Tab("One photo") as tab:
            seen, looked = look_panel(site)
            ask_panel(site, seen, tab, looked)
        with gr.Tab("Many photos"):
            many_panel(site)
        with gr.Tab("Retrain"):
            retrain_panel(site, blocks)
        gr.Markdown(FOOTER, elem_id="footer")
        endpoints(site, blocks)
    return blocks


def stay_here() -> None:
    """Keep Gradio's server from fetching anything: it would look up a URL that is given where a photo belongs."""

    async def refuse(*_, **__):
        raise gr.Error("a photo's address is not looked up; upload the photo itself.", print_exception=False)

    safehttpx.get = safehttpx.async_validate_url = refuse


async def busy(request, error) -> JSONResponse:
    """What a full queue answers."""
    return JSONResponse({"detail": BUSY}, status_code=503)


def serve(blocks: gr.Blocks, host: str, port: int, login: tuple[str, str] | None, *, mcp: bool = False) -> None:
    """Serve the page until the process is ended.

    Raises:
        SettingError: the address cannot be listened on.
    """
    stay_here()
    blocks.queue(max_size=QUEUE, default_concurrency_limit=4)
    try:
        blocks.launch(
            server_name=host, server_port=port, auth=login, max_file_size=LARGEST_UPLOAD, max_threads=THREADS,
            state_session_capacity=256,
            css=CSS, theme=THEME, head=HEAD, footer_links=[], quiet=True, prevent_thread_lock=True, mcp_server=mcp,
            enable_monitoring=False, run_history=False, ssr_mode=False,
            allowed_paths=[gr.get_image(name) for name in EXAMPLES],
            app_kwargs={"exception_handlers": {503: busy}},
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise SettingError(f"{host}:{port} cannot be served ({error}); choose another --host or --port.") from None
    say(f"Glimpse is at http://{host}:{port}")
    blocks.block_thread()


def _login(auth: str | None) -> tuple[str, str] | None:
    if auth is None:
        return None
    user, colon, password = auth.partition(":")
    if not (user and colon and password):
        raise SettingError("--auth needs a user and a password with a colon between them, such as ann:secret.")
    return user, password


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _models(captioner_name: str, vqa_name: str) -> Models:
    """The models by their names. The page also works without the bundled model for questions."""
    describer = captioner.load(captioner_name)
    encoder = describer.network.encoder if captioner_name == captioner.BUNDLED else None
    try:
        return Models(describer, vqa.load(vqa_name, encoder=encoder))
    except ModelError as error:
        if vqa_name != vqa.BUNDLED:
            raise
        say(f"questions are off: {error}")
        return Models(describer)


def _absolute(model: str) -> str:
    """A model's name where it is looked for from another folder."""
    return model if model.startswith("bundled-") else str(Path(model).resolve())


def main(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 7860,
    captioner: Annotated[str, typer.Option(help="A captioner's folder, or bundled-captioner.")] = captioner.BUNDLED,
    vqa: Annotated[str, typer.Option(help="The folder of a model for questions, or bundled-vqa.")] = vqa.BUNDLED,
    workspace: Annotated[Path, typer.Option(help="Folder for corrections and runs.")] = Path("glimpse-workspace"),
    data_root: Annotated[Path | None, typer.Option(help="Folder of data sets that may be trained on.")] = None,
    auth: Annotated[str | None, typer.Option(help="USER:PASSWORD that visitors must give.")] = None,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer /caption and /ask as MCP tools too.")] = False,
):
    """Serve Glimpse's page."""
    login = _login(auth)
    if mcp and not find_spec("mcp"):
        raise SettingError("--mcp needs an extra that is not installed; run: pip install '.[mcp]'")
    site = Site(
        _models(captioner, vqa), workspace.resolve(), writable=bool(login) or _is_loopback(host),
        data_root=data_root and data_root.resolve(), given={"captioner": _absolute(captioner), "vqa": _absolute(vqa)},
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the temporary folder goes
    with tempfile.TemporaryDirectory(prefix="glimpse-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        serve(page(site), host, port, login, mcp=mcp)


if __name__ == "__main__":
    run(lambda: typer.run(main))
