"""The command line: `python -m training check | encoder | captioner | vqa | evaluate | export | share`."""

import contextlib
import io
import os
from pathlib import Path
from typing import Annotated

import typer

from runtime.bundled import folder_of
from runtime.command import SOME_FAILED, run, say
from runtime.errors import SettingError
from runtime.installed import require_torch

from .commands.captioner import captioner, evaluate_captions
from .commands.check import check
from .commands.encoder import encoder
from .commands.export import export
from .commands.options import DataSets, Format, Generate
from .commands.vqa import evaluate_answers, vqa

app = typer.Typer(
    help="Train and judge Glimpse's models.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
for command in (check, encoder, captioner, vqa, export):
    app.command()(command)


@app.callback()
def speak_once(context: typer.Context):
    """Of the processes that torchrun starts, only the first is heard; an error of any is, once this is over."""
    require_torch("training")
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ["RANK"] != "0":
        context.with_resource(contextlib.redirect_stderr(io.StringIO()))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A model folder, bundled-captioner or bundled-vqa.")],
    data: DataSets,
    format: Format = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    generate: Generate = False,
    beam: Annotated[int, typer.Option(help="Of captions: beam width; 1 is greedy.")] = 3,
    length_penalty: Annotated[float, typer.Option(help="Of captions: rank by log-probability / length ** this.")] = 0.7,
    record: Annotated[bool, typer.Option("--record", help="Write the scores into the model's config.json.")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
):
    """Score a model on a split it was not trained on."""
    same = {"format": format, "split": split, "record": record, "json_only": json_only}
    if _kind(model) == "vqa":
        whole = evaluate_answers(model, data, generate=generate, **same)
    else:
        if generate:
            raise SettingError("--generate makes questions, and a captioner is scored on captions; leave it out.")
        whole = evaluate_captions(model, data, beam=beam, length_penalty=length_penalty, **same)
    if not whole:
        raise typer.Exit(SOME_FAILED)


@app.command()
def share(
    model: Annotated[str, typer.Argument(help="A trained model's folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    note: Annotated[str, typer.Option(help="On data, terms and licence; kept in the folder's config.json.")] = "",
):
    """Write a model folder of half the size to give to others. Its weights are in half precision."""
    import torch

    import captioner
    import vqa

    loaded = (vqa if _kind(model) == "vqa" else captioner).load(model, exact=True)
    if note:
        loaded.about["note"] = note
    loaded.save(out, dtype=torch.float16)
    say(f"{out}: {sum(file.stat().st_size for file in out.iterdir()) / 1e6:.1f} MB")


def _kind(model: str) -> str:
    """`captioner` or `vqa`: what a model's folder says it holds."""
    from runtime.checkpoint import read_config

    return read_config(folder_of(model))["kind"]


if __name__ == "__main__":
    run(app)
