"""A training run as it goes, and what can be done with it."""

import tempfile

import gradio as gr

import captioner
import vqa

from .site import HIDDEN, Site, user_errors

POLL = 2  # seconds between two looks at a run


def curves(run, progress) -> tuple:
    """The loss by step, and the score that decides by epoch; not shown before there are two points to join."""
    from pandas import DataFrame

    captions = run.about["kind"] == "captioner"
    name, label = ("cider", "CIDEr of held-out photos") if captions else ("accuracy", "Held-out answers right, %")
    losses = DataFrame(progress.losses, columns=["step", "loss"])
    scores = DataFrame(
        [{"epoch": s["epoch"], "score": s.get(name)} for s in progress.scores], columns=["epoch", "score"]
    )
    plots = (losses, {}), (scores, {"label": label})
    return tuple(gr.update(value=points, visible=len(points) > 1, **how) for points, how in plots)


def run_display() -> tuple[list, gr.DownloadButton]:
    """What is shown of a run, in the order that `view` fills it in, and the button that hands over a packed model."""
    plot = {"buttons": [], "x_axis_format": ".6~g"}
    with gr.Column(visible=False) as panel:
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
    return [panel, state, scores, loss, score, samples, stop, resume, use, download, timer], packed


def watch_panel(site: Site) -> gr.Dropdown:
    """A run as it goes; which one is chosen comes back."""
    chosen = gr.Dropdown([], label="Run", interactive=True, visible=False)
    outputs, packed = run_display()
    *_, stop, resume, use, download, timer = outputs

    @user_errors()
    def view(name: str | None) -> tuple:
        from training.workspace import samples_html, scores_html, status_html

        if not name:
            return gr.update(visible=False), *[gr.skip()] * (len(outputs) - 1)
        run = site.storage.runs.get(name)
        progress, running, model = run.progress(), run.state == "running", run.model
        buttons = (running, run.state in ("stopped", "failed"), model and not running, model and not running)
        buttons = [gr.update(visible=bool(button)) for button in buttons]
        return (gr.update(visible=True), status_html(run, progress), scores_html(run), *curves(run, progress),
                samples_html(progress), *buttons, gr.Timer(active=running))  # fmt: skip

    @user_errors()
    def swap(name: str) -> None:
        run = site.storage.runs.get(name)
        if run.about["kind"] == "captioner":
            site.models.captioner = captioner.load(run.model)
        else:
            site.models.answerer = vqa.load(run.model)
        gr.Info(f"“One photo” and “Many photos” now use {name}, until the page is started again.")

    def pack(name: str):
        with user_errors(), tempfile.TemporaryDirectory() as scratch:
            yield str(site.storage.runs.get(name).zip(scratch))  # copied before this goes on

    @user_errors()
    def stop_it(name: str) -> tuple:
        site.storage.runs.stop(name)
        gr.Info("It saves what it has learnt, and ends.", title="Stopping")
        return view(name)

    @user_errors()
    def resume_it(name: str) -> tuple:
        site.storage.runs.resume(name)
        return view(name)

    stop.click(stop_it, chosen, outputs, **HIDDEN)
    resume.click(resume_it, chosen, outputs, **HIDDEN)
    use.click(swap, chosen, None, **HIDDEN)
    download.click(pack, chosen, packed, **HIDDEN).then(js="() => document.querySelector('#packed').click()")
    chosen.change(view, chosen, outputs, show_progress="hidden", **HIDDEN)
    timer.tick(view, chosen, outputs, show_progress="hidden", **HIDDEN)
    return chosen
