"""Retrain: choose and check data, and train."""

import gradio as gr

from runtime.errors import GlimpseError, SettingError
from runtime.installed import has_torch

from .site import HIDDEN, ONLY_HERE, Site, told
from .uploads import take_uploads_only
from .watch import watch_panel

KINDS = {"Captions": "captioner", "Answers to questions": "vqa"}
RETRAIN_IS_OFF = (
    "Retraining is off, since this page can be reached from a network and asks for no password. Start it with "
    "`--auth USER:PASSWORD` to turn it on."
)
RETRAIN_NEEDS_TORCH = (
    "Retraining needs PyTorch, which is not installed. Stop the page, run `pip install '.[train]'`, and start it again."
)
NO_DATA = "<p>Choose a data set: it is looked through first, and what is found is told here.</p>"
CHECKING = "<p role='status'>Looking through the data set…</p>"


def retrain_panel(site: Site, blocks: gr.Blocks) -> None:
    """Choose and check data, train, and watch. All is read from the runs' folders, so that a page may come and go."""
    if not site.writable:
        gr.Markdown(RETRAIN_IS_OFF)
        return
    if not has_torch():
        gr.Markdown(RETRAIN_NEEDS_TORCH)
        return
    elsewhere = gr.Markdown(ONLY_HERE, visible=False)
    with gr.Row(equal_height=False):
        with gr.Column():
            kind = gr.Radio(list(KINDS.items()), value="captioner", label="What the model learns to say")
            data = gr.Dropdown(site.kept.data_sets.list("captioner"), value=None, label="Data set", interactive=True,
                               allow_custom_value=site.data_root is not None)  # fmt: skip
            given_zip = gr.UploadButton("Upload a data set as a zip", file_types=[".zip"])
            take_uploads_only(given_zip)
            begin = gr.Dropdown(site.kept.beginnings("captioner"), label="Begin with", interactive=True)
            epochs, rate, count, tune = learning_controls()
        with gr.Column():
            report = gr.HTML(NO_DATA)
            anyway = gr.Checkbox(False, label="Train all the same", visible=False)
            start = gr.Button("Train", variant="primary", interactive=False)
    chosen = watch_panel(site)

    def check(kind: str, given: str | None, begin: str, count: int, tune: bool):
        from training.workspace import check_html, wrong_html

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
        return run_choices(site, run.name)

    gr.on([data.change, begin.change, tune.change], check, [kind, data, begin, count, tune], [report, anyway, start],
          concurrency_limit=1, trigger_mode="always_last", **HIDDEN)  # fmt: skip
    start.click(train, [kind, data, begin, anyway, epochs, rate, count, tune], chosen, **HIDDEN)
    keep_choices(site, blocks, kind, given_zip, data, begin, chosen, elsewhere)


def learning_controls() -> list:
    """How a run learns, folded away: epochs, learning rate, how often a new word must occur, the encoder too."""
    with gr.Accordion("How it learns", open=False):
        return [
            gr.Slider(1, 50, 10, step=1, label="Epochs", info="Passes over the photos"),
            gr.Number(1e-3, label="Learning rate", info="Lower it when the scores fall"),
            gr.Slider(1, 10, 2, step=1, label="New words", info="Learnt when they occur this often"),
            gr.Checkbox(False, label="Train the encoder too", info="Much slower; better with many photos"),
        ]


def run_choices(site: Site, name: str | None):
    """The list of runs, with this one chosen."""
    return gr.update(choices=[run.name for run in site.kept.runs.list()], value=name, visible=bool(name))


def keep_choices(
    site: Site,
    blocks: gr.Blocks,
    kind: gr.Radio,
    given_zip: gr.UploadButton,
    data: gr.Dropdown,
    begin: gr.Dropdown,
    chosen: gr.Dropdown,
    elsewhere: gr.Markdown,
) -> None:
    """Keep the lists of data sets, beginnings and runs to what there is: on another kind, a new zip, a new visit.

    A visitor who may not write is told so in `elsewhere`.
    """

    @told()
    def choices(kind: str):
        sets, begins = site.kept.data_sets.list(kind), site.kept.beginnings(kind)
        return gr.update(choices=sets, value=None), gr.update(choices=begins, value=begins[0][1])

    @told()
    def unpacked(kind: str, file: str | None):
        if not file:
            raise SettingError("there is no zip yet; upload one.")
        folder = site.kept.data_sets.add(file)
        return gr.update(choices=site.kept.data_sets.list(kind), value=str(folder))

    @told()
    def arrive():
        """What is new since the server began: data sets, models, and the run that is going on or was the last."""
        if not site.may_write():
            return gr.skip(), gr.skip(), gr.skip(), gr.update(visible=True)
        kept = site.kept
        found = kept.runs.list()
        shown = [run.name for run in found if run.state == "running"] or [run.name for run in found]
        sets, begins = kept.data_sets.list("captioner"), kept.beginnings("captioner")
        runs = run_choices(site, shown[0] if shown else None)
        return gr.update(choices=sets), gr.update(choices=begins), runs, gr.skip()

    given_zip.upload(unpacked, [kind, given_zip], data, concurrency_limit=1, **HIDDEN)
    kind.change(choices, kind, [data, begin], show_progress="hidden", **HIDDEN)
    blocks.load(arrive, None, [data, begin, chosen, elsewhere], show_progress="hidden", **HIDDEN)
