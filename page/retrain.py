"""Retrain: choose and check data, and train."""

import gradio as gr

from runtime.errors import GlimpseError, SettingError
from runtime.installed import has_torch

from .site import HIDDEN, LOCAL_ONLY, Site, user_errors
from .uploads import accept_only_uploads
from .watch import watch_panel

MODEL_KINDS = {"Captions": "captioner", "Answers to questions": "vqa"}
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
    elsewhere = gr.Markdown(LOCAL_ONLY, visible=False)
    with gr.Row(equal_height=False):
        with gr.Column():
            kind, data, given_zip, columns, start_point = data_controls(site)
            epochs, rate, count, tune = learning_controls()
        with gr.Column():
            # Above the report, so that a report of another length does not move it from under the pointer.
            start = gr.Button("Train", variant="primary", interactive=False)
            anyway = gr.Checkbox(False, label="Train all the same", visible=False)
            report = gr.HTML(NO_DATA)
    chosen = watch_panel(site)

    def check(kind: str, data_path: str | None, columns: str, start_point: str, count: int, tune: bool):
        from training.workspace import check_html, error_html

        hidden, off = gr.update(visible=False, value=False), gr.update(interactive=False)
        if not data_path:
            yield NO_DATA, hidden, off
            return
        yield CHECKING, hidden, gr.skip()  # the run checks for itself: who does not wait may press Train
        with user_errors():
            try:
                report = site.storage.check(kind, data_path, start_point, columns=columns, count=int(count), tune=tune)
                yield check_html(report), gr.update(visible=bool(report.stops)), gr.update(interactive=True)
            except GlimpseError as error:
                yield error_html(str(error)), hidden, off

    @user_errors()
    def train(
        kind: str, data_path: str, columns: str, start_point: str, anyway: bool,
        epochs: int, rate: float, count: int, tune: bool
    ):  # fmt: skip
        from training.workspace import columns_of

        options = site.storage.options(kind, start_point) | columns_of(columns)
        options |= {"min_answers": count} if kind == "vqa" else {}
        run = site.storage.runs.start(
            kind, site.storage.data_sets.find(data_path), epochs=int(epochs), learning_rate=rate, min_count=int(count),
            finetune_encoder=tune, anyway=anyway, **options,
        )  # fmt: skip
        return run_choices(site, run.name)

    gr.on([data.change, columns.submit, start_point.change, tune.change], check,
          [kind, data, columns, start_point, count, tune],
          [report, anyway, start], concurrency_limit=1, trigger_mode="always_last", **HIDDEN)  # fmt: skip
    start.click(train, [kind, data, columns, start_point, anyway, epochs, rate, count, tune], chosen, **HIDDEN)
    keep_choices(site, blocks, kind, given_zip, data, start_point, chosen, elsewhere)


def data_controls(site: Site) -> tuple:
    """What is learnt from what: the kind of model, the data set, a zip of one, its columns, the model to begin with."""
    kind = gr.Radio(list(MODEL_KINDS.items()), value="captioner", label="What the model learns to say")
    data = gr.Dropdown(site.storage.data_sets.list("captioner"), value=None, label="Data set", interactive=True,
                       allow_custom_value=site.data_root is not None)  # fmt: skip
    given_zip = gr.UploadButton("Upload a data set as a zip", file_types=[".zip"])
    accept_only_uploads(given_zip)
    columns = gr.Textbox("", label="Columns of other names", info="Where a report asks for them; press Enter",
                         placeholder="--image-column photo --caption-column said")  # fmt: skip
    start_point = gr.Dropdown(site.storage.start_points("captioner"), label="Begin with", interactive=True)
    return kind, data, given_zip, columns, start_point


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
    return gr.update(choices=[run.name for run in site.storage.runs.list()], value=name, visible=bool(name))


def keep_choices(
    site: Site,
    blocks: gr.Blocks,
    kind: gr.Radio,
    given_zip: gr.UploadButton,
    data: gr.Dropdown,
    start_point: gr.Dropdown,
    chosen: gr.Dropdown,
    elsewhere: gr.Markdown,
) -> None:
    """Keep the lists of data sets, beginnings and runs to what there is: on another kind, a new zip, a new visit.

    A visitor who may not write is told so in `elsewhere`.
    """

    @user_errors()
    def choices(kind: str):
        sets, start_points = site.storage.data_sets.list(kind), site.storage.start_points(kind)
        return gr.update(choices=sets, value=None), gr.update(choices=start_points, value=start_points[0][1])

    @user_errors()
    def unpack_upload(kind: str, file: str | None):
        if not file:
            raise SettingError("there is no zip yet; upload one.")
        folder = site.storage.data_sets.add(file)
        return gr.update(choices=site.storage.data_sets.list(kind), value=str(folder))

    @user_errors()
    def refresh():
        """What is new since the server began: data sets, models, and the run that is going on or was the last."""
        if not site.may_write():
            return gr.skip(), gr.skip(), gr.skip(), gr.update(visible=True)
        workspace = site.storage
        found = workspace.runs.list()
        names = [run.name for run in found if run.state == "running"] or [run.name for run in found]
        sets, start_points = workspace.data_sets.list("captioner"), workspace.start_points("captioner")
        runs = run_choices(site, names[0] if names else None)
        return gr.update(choices=sets), gr.update(choices=start_points), runs, gr.skip()

    given_zip.upload(unpack_upload, [kind, given_zip], data, concurrency_limit=1, **HIDDEN)
    kind.change(choices, kind, [data, start_point], show_progress="hidden", **HIDDEN)
    blocks.load(refresh, None, [data, start_point, chosen, elsewhere], show_progress="hidden", **HIDDEN)
