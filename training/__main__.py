"""The command line: `python -m training encoder | captioner | evaluate`."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from encoders.command import SOME_FAILED, run, say

app = typer.Typer(
    help="Train and judge Glimpse's models.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
console = Console(stderr=True)


class Fit(str, Enum):
    squash, crop, pad = "squash", "crop", "pad"


Data = Annotated[Path, typer.Option(help="The data set.")]
Out = Annotated[Path, typer.Option(help="Folder of the run: best/, last/, log.jsonl, TensorBoard.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of decoded photos and features [default: OUT/cache].")]
Epochs = Annotated[int, typer.Option(help="Passes over the training photos.")]
Batch = Annotated[int, typer.Option(help="Photos a step.")]
Rate = Annotated[float, typer.Option(help="Highest learning rate.")]
Decay = Annotated[float, typer.Option(help="Weight decay.")]
Warmup = Annotated[float, typer.Option(help="Share of the steps in which the learning rate rises.")]
Clip = Annotated[float, typer.Option(help="Largest gradient norm.")]
Precision = Annotated[str, typer.Option(help="32, bf16, or auto: bf16 where the processor has it.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a run in OUT was stopped.")]
Stride = Annotated[int | None, typer.Option(help="Pixels a grid cell covers, 16 or 32 [default: 16].")]


@app.command()
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
    precision: Precision = "auto",
    seed: Seed = 1,
    cache: Cache = None,
    resume: Resume = False,
):
    """Pretrain an image encoder on a folder with one folder of photos for each class."""
    from .encoder import EncoderSettings, EncoderTask
    from .loop import FitSettings
    from .loop import fit as run_fit
    from .show import draw_fill, draw_fit

    settings = EncoderSettings(
        encoder=encoder, stride=stride or 16, image_size=image_size, start_size=start_size, fit=fit.value, batch=batch,
        hold_out=hold_out, smoothing=smoothing, smallest_view=smallest_view,
    )  # fmt: skip
    how = FitSettings(
        epochs=epochs, learning_rate=learning_rate, optimiser=optimiser, weight_decay=weight_decay, warmup=warmup,
        clip=clip, precision=precision, seed=seed,
    )  # fmt: skip
    task = EncoderTask(data, settings, epochs=epochs, seed=seed, cache=cache or out / "cache")
    say(f"{len(task.photos):,} photos of {len(task.classes)} classes, {len(task.held):,} of them held out.")
    draw_fill(task.photos.fill(), len(task.photos), "decoding photos", console)
    _tell_bad(task.photos.bad)
    draw_fit(run_fit(task, how, out, resume=resume), console)
    say(f"done: {out / 'best'}")


@app.command()
def captioner(
    data: Data,
    out: Out,
    format: Annotated[str | None, typer.Option(help="Of the data [default: found by looking].")] = None,
    start_from: Annotated[str | None, typer.Option(help="A captioner to go on from: its folder, or bundled-captioner.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Backbone: compact, resnet18/34/50/101, mobilenet_v3_large, efficientnet_v2_s, convnext_tiny or vgg19 [default: resnet18].")] = None,
    encoder_weights: Annotated[str, typer.Option(help="imagenet, none, or a file or folder of trained weights.")] = "none",
    finetune_encoder: Annotated[bool, typer.Option("--finetune-encoder", help="Train the encoder too.")] = False,
    encoder_rate: Annotated[float, typer.Option(help="Its learning rate, as a share of the decoder's.")] = 0.1,
    stride: Stride = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the photos [default: START_FROM's, or 224].")] = None,
    fit: Annotated[Fit | None, typer.Option(help="How a photo becomes square [default: START_FROM's, or squash].")] = None,
    objective: Annotated[str, typer.Option(help="likelihood, or cider: self-critical training after it.")] = "likelihood",
    samples: Annotated[int, typer.Option(help="Captions drawn for each photo with --objective cider.")] = 5,
    cell: Annotated[str, typer.Option(help="lstm, gru or rnn.")] = "lstm",
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = 1,
    hidden: Annotated[int, typer.Option(help="Size of the recurrent state.")] = 512,
    embedding: Annotated[int, typer.Option(help="Size of a word's vector.")] = 512,
    attention: Annotated[int, typer.Option(help="Size of the attention's inner layer.")] = 512,
    dropout: Annotated[float, typer.Option(help="In the decoder.")] = 0.3,
    unit: Annotated[str, typer.Option(help="word or character.")] = "word",
    min_count: Annotated[int, typer.Option(help="A word must occur this often to be learnt.")] = 5,
    max_size: Annotated[int | None, typer.Option(help="Most words to learn.")] = None,
    epochs: Epochs = 20,
    batch: Batch = 32,
    learning_rate: Rate = 1e-3,
    weight_decay: Decay = 0.01,
    warmup: Warmup = 0.05,
    clip: Clip = 5.0,
    smoothing: Annotated[float, typer.Option(help="Label smoothing.")] = 0.1,
    look_everywhere: Annotated[float, typer.Option(help="Weight of the doubly-stochastic attention penalty.")] = 0.0,
    word_dropout: Annotated[float, typer.Option(help="Share of given words replaced by <unk>.")] = 0.0,
    scheduled_sampling: Annotated[float, typer.Option(help="Share of given words the model draws itself, at the end.")] = 0.0,
    start_size: Annotated[int, typer.Option(help="Side of the views in the first epochs; it grows to --image-size.")] = 0,
    smallest_view: Annotated[float, typer.Option(help="Least part of a photo that an augmented view shows.")] = 0.6,
    mirror: Annotated[bool, typer.Option(help="Mirror photos at random.")] = True,
    beam: Annotated[int, typer.Option(help="Beam width in validation.")] = 3,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without a better CIDEr; 0 never.")] = 5,
    precision: Precision = "auto",
    seed: Seed = 1,
    cache: Cache = None,
    resume: Resume = False,
):  # fmt: skip
    """Train a captioner on photos with captions. The best by CIDEr on the val split is kept in OUT/best."""
    from captioner.model import DecoderSettings
    from encoders.images import Preprocessing

    from .captioner import CaptionSettings, CaptionTask
    from .loop import FitSettings
    from .loop import fit as run_fit
    from .readers import read_captions
    from .show import draw_fill, draw_fit
    from .start import changed, grown, new_captioner, start_encoder, trained_preprocessing

    found = read_captions(data, format)
    for sentence in found.problems.sentences():
        say(f"left out: {sentence}")
    for split in found.made:
        say(f"there was no {split} split; one was made of train photos.")
    texts = [caption for record in found.split("train") for caption in record.captions]
    form = fit and fit.value
    if start_from:
        model = grown(start_from, texts, min_count=min_count, image_size=image_size, fit=form)
    else:
        preprocessing = changed(trained_preprocessing(encoder_weights) or Preprocessing(), image_size, form)
        model = new_captioner(
            start_encoder(encoder, encoder_weights, stride=stride, preprocessing=preprocessing),
            texts,
            preprocessing,
            DecoderSettings(embedding, hidden, attention, cell, layers, dropout),
            min_count=min_count, max_size=max_size, unit=unit, seed=seed,
        )  # fmt: skip
    settings = CaptionSettings(
        objective=objective, samples=samples,
        finetune_encoder=finetune_encoder, encoder_rate=encoder_rate, batch=batch, smoothing=smoothing,
        look_everywhere=look_everywhere, word_dropout=word_dropout, scheduled_sampling=scheduled_sampling,
        start_size=start_size, smallest_view=smallest_view, mirror=mirror, beam=beam,
    )  # fmt: skip
    how = FitSettings(
        epochs=epochs, learning_rate=learning_rate, weight_decay=weight_decay, warmup=warmup, clip=clip,
        precision=precision, patience=patience, seed=seed,
    )  # fmt: skip
    task = CaptionTask(model, found.records, settings, epochs=epochs, seed=seed, cache=cache or out / "cache")
    say(f"{len(task.train_rows):,} photos to train on, {len(task.val_rows):,} to validate on, "
        f"{len(model.vocabulary):,} words.")  # fmt: skip
    what = "decoding photos" if finetune_encoder else "computing features"
    draw_fill((done for done, _ in task.prepare()), len(task.source), what, console)
    _tell_bad(task.source.bad)
    draw_fit(run_fit(task, how, out, resume=resume), console)
    say(f"done: {out / 'best'}; try it with: python -m captioner PHOTO --model {out}")


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A model folder, or bundled-captioner.")],
    data: Data,
    format: Annotated[str | None, typer.Option(help="Of the data [default: found by looking].")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    beam: Annotated[int, typer.Option(help="Beam width; 1 is greedy.")] = 3,
    length_penalty: Annotated[float, typer.Option(help="Rank by log-probability / length ** this.")] = 0.7,
    record: Annotated[bool, typer.Option("--record", help="Write the scores into the model's config.json.")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
):
    """Score a model on a split it was not trained on."""
    from captioner.model import folder_of, load
    from captioner.search import SearchSettings
    from encoders.checkpoint import change_config, read_config
    from encoders.errors import DataError, PhotoError

    from .evaluate import caption_all, score_captions
    from .metrics.captions import why_no_meteor
    from .readers import read_captions

    settings = SearchSettings(beam=beam, length_penalty=length_penalty)
    captioner = load(model)
    found = read_captions(data, format)
    records = found.split(split)
    if not records:
        raise DataError(f"there is no {split} split in {data}; choose one of train, val and test that it has.")
    said = []
    from .show import draw_fill

    draw_fill(
        (said.append(pair) or len(said) for pair in caption_all(captioner, records, settings)),
        len(records), "captioning", console,
    )  # fmt: skip
    for _, problem in said:
        if isinstance(problem, PhotoError):
            say(f"left out: {problem}")
    reason = why_no_meteor()
    if reason:
        say(f"METEOR is null: {reason}")
    scores = score_captions(said, meteor=not reason)
    if record:
        about = read_config(folder_of(model))["about"] | {split: {"data": found.format, "beam": beam, **scores}}
        change_config(folder_of(model), about=about)
    if json_only:
        print(json.dumps(scores))
    else:
        for name, value in scores.items():
            print(f"{name:8} {'-' if value is None else value if name == 'images' else f'{value:.2f}'}")
    if len(said) > scores["images"]:
        raise typer.Exit(SOME_FAILED)


@app.command()
def share(
    model: Annotated[str, typer.Argument(help="A trained captioner's folder.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    note: Annotated[str, typer.Option(help="On data, terms and licence; kept in the folder's config.json.")] = "",
):
    """Write a model folder in half precision, half the size, to give to others."""
    import torch

    from captioner.model import load

    captioner = load(model, exact=True)
    if note:
        captioner.about["note"] = note
    captioner.save(out, dtype=torch.float16)
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    say(f"{out}: {size:.1f} MB")


def _tell_bad(bad: dict[int, str]) -> None:
    for why in list(bad.values())[:5]:
        say(f"left out: {why}")
    if len(bad) > 5:
        say(f"left out: {len(bad) - 5:,} more photos that could not be opened.")


if __name__ == "__main__":
    run(app)
