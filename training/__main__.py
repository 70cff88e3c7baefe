"""The command line: `python -m training check | encoder | captioner | vqa | evaluate | export | share | study`."""

import contextlib
import io
import os

import typer

from runtime.command import command_line, run

from .commands.options import command, lazily
from .config import commands as configs

app = command_line(help="Train and judge Glimpse's models.", no_args_is_help=True)

# Each command is a config, which its options are made from, and a function, which is imported when it is called.
COMMANDS = {
    "check": (configs.CheckConfig, "training.commands.check:check"),
    "encoder": (configs.EncoderConfig, "training.commands.encoder:train"),
    "captioner": (configs.CaptionerConfig, "training.commands.captioner:train"),
    "vqa": (configs.VqaConfig, "training.commands.vqa:train"),
    "evaluate": (configs.EvaluateConfig, "training.commands.evaluate:evaluate"),
    "export": (configs.ExportConfig, "training.commands.export:export"),
    "study": (configs.StudyConfig, "training.commands.study:study"),
    "share": (configs.ShareConfig, "training.commands.share:share"),
}
for name, (config, entry) in COMMANDS.items():
    app.command(name)(command(config, lazily(entry)))


@app.callback()
def silence_other_ranks(context: typer.Context):
    """Of the processes that torchrun starts, only the first is heard; an error of any is, once this is over."""
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ["RANK"] != "0":
        context.with_resource(contextlib.redirect_stderr(io.StringIO()))


if __name__ == "__main__":
    run(app)
