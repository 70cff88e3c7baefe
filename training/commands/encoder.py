"""The command line of pretraining: `python -m training encoder`."""

from types import SimpleNamespace
from typing import Annotated

import typer

from runtime.command import say

from .options import (
    Accumulate,
    Batch,
    Cache,
    Clip,
    Data,
    Decay,
    Epochs,
    Fit,
    Out,
    Precision,
    Rate,
    Resume,
    Seed,
    Stride,
    Warmup,
    console,
    picked,
    tell_bad,
)


def encoder(
    data: Data,
    out: Out,
    encoder: Annotated[
        str,
        typer.Option(
            help="Backbone: compact, resnet18/34/50/101, mobilenet_v3_large, efficientnet_v2_s, convnext_tiny or vgg19."
        ),
    ] = "compact",
    stride: Stride = None,
    image_size: Annotated[int, typer.Option(help="Side of the photos, in pixels.")] = 64,
    start_size: Annotated[int, typer.Option(help="Side in the first epochs; it grows to --image-size.")] = 0,
    fit: Annotated[Fit, typer.Option(help="How a photo becomes square.")] = Fit.squash,
    epochs: Epochs = 8,
    batch: Batch = 128,
    learning_rate: Rate = 0.2,
    optimiser: Annotated[str, typer.Option(help="sgd or adamw.")] = "sgd",
    weight_decay: Decay = 5e-4,
    warmup: Warmup = 0.2,
    clip: Clip = 5.0,
    smoothing: Annotated[float, typer.Option(help="Label smoothing.")] = 0.1,
    smallest_view: Annotated[float, typer.Option(help="Least part of a photo that an augmented view shows.")] = 0.35,
    hold_out: Annotated[float, typer.Option(help="Share of the photos kept for validation.")] = 0.02,
    accumulate: Accumulate = 1,
    precision: Precision = "auto",
    seed: Seed = 1,
    cache: Cache = None,
    resume: Resume = False,
):
    """Pretrain an image encoder on photos sorted by class. DATA has a folder of photos for each class."""
    options = SimpleNamespace(**locals() | {"stride": stride or 16, "fit": fit.value})

    from training.loop.fit import fit as run_fit
    from training.loop.status import report_progress
    from training.loop.task import FitSettings
    from training.tasks.encoder import EncoderSettings, EncoderTask

    from .show import draw_fill, draw_fit

    settings, how = picked(EncoderSettings, options), picked(FitSettings, options)
    task = EncoderTask(data, settings, epochs=epochs, seed=seed, cache=cache or out / "cache")
    say(f"{len(task.photos):,} photos of {len(task.classes)} classes, {len(task.held):,} of them held out.")
    draw_fill(task.photos.fill(), len(task.photos), "decoding photos", console)
    tell_bad(task.photos.bad)
    draw_fit(report_progress(run_fit(task, how, out, resume=resume), out), console)
    say(f"done: {out / 'best'}")
