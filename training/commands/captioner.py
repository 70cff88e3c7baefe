"""The command lines of captions: `python -m training captioner`, and `evaluate` for a captioner."""

# ruff: noqa: E501 (an option a line)

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

from runtime.command import say
from runtime.errors import DataError, PhotoError

from .options import (
    Accumulate,
    Anyway,
    Batch,
    Cache,
    Clip,
    DataSets,
    Decay,
    Epochs,
    Fit,
    Format,
    Out,
    Precision,
    Rate,
    Resume,
    Scores,
    Seed,
    Stride,
    Warmup,
    console,
    picked,
    table,
    tell_bad,
)
from .run import look_first, score_before_and_after, train


def captioner(
    data: DataSets,
    out: Out,
    format: Format = None,
    start_from: Annotated[str | None, typer.Option(help="A captioner to go on from: its folder, or bundled-captioner.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Backbone: compact, resnet18/34/50/101, mobilenet_v3_large, efficientnet_v2_s, convnext_tiny, vgg19, efficientnet_lite0/1/2, or timm/NAME [default: resnet18].")] = None,
    encoder_weights: Annotated[str, typer.Option(help="imagenet, none, or a file or folder of trained weights.")] = "none",
    weights: Annotated[str | None, typer.Option(help="How often an epoch shows each photo of a data set, one number for each --data: 1,2 [default: once].")] = None,
    held_out: Annotated[list[Path] | None, typer.Option(help="Leave out of training what this data set holds out for val and test; may be given several times.")] = None,
    finetune_encoder: Annotated[bool, typer.Option("--finetune-encoder", help="Train the encoder too.")] = False,
    encoder_rate: Annotated[float, typer.Option(help="Its learning rate, as a share of the decoder's.")] = 0.1,
    trainable_layers: Annotated[int, typer.Option(help="Of the encoder, train only so many of its last layers; 0: all.")] = 0,
    stride: Stride = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the photos [default: START_FROM's, or 224].")] = None,
    fit: Annotated[Fit | None, typer.Option(help="How a photo becomes square [default: START_FROM's, or squash].")] = None,
    objective: Annotated[str, typer.Option(help="likelihood, or cider: self-critical training after it.")] = "likelihood",
    samples: Annotated[int, typer.Option(help="Captions found for each photo with --objective cider.")] = 5,
    cell: Annotated[str, typer.Option(help="lstm, gru or rnn.")] = "lstm",
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = 1,
    hidden: Annotated[int, typer.Option(help="Size of the recurrent state.")] = 512,
    embedding: Annotated[int, typer.Option(help="Size of a word's vector.")] = 512,
    attention: Annotated[int, typer.Option(help="Size of the attention's inner layer.")] = 512,
    projection: Annotated[int, typer.Option(help="Project each cell's features to this size first; 0: as they are.")] = 0,
    dropout: Annotated[float | None, typer.Option(help="In the decoder [default: START_FROM's, or 0.3].")] = None,
    unit: Annotated[str, typer.Option(help="word or character.")] = "word",
    min_count: Annotated[int, typer.Option(help="A word must occur this often to be learnt.")] = 5,
    max_size: Annotated[int | None, typer.Option(help="Most words to learn.")] = None,
    epochs: Epochs = 20,
    batch: Batch = 32,
    most_captions: Annotated[int, typer.Option(help="Of one photo in one step; of more, others are drawn every epoch.")] = 8,
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
    accumulate: Accumulate = 1,
    precision: Precision = "auto",
    seed: Seed = 1,
    cache: Cache = None,
    resume: Resume = False,
    anyway: Anyway = False,
    scores: Scores = True,
):  # fmt: skip
    """Train a captioner on photos with captions. The best by CIDEr on the val split is kept in OUT/best."""
    options = SimpleNamespace(**locals())

    from captioner.search import SearchSettings
    from training.loop.task import FitSettings
    from training.tasks.caption_data import data_set_weights, read_training_captions
    from training.tasks.captioner import CaptionSettings, CaptionTask

    settings, how = picked(CaptionSettings, options), picked(FitSettings, options)
    found = read_training_captions(data, format, held_out=held_out or ())
    shares = data_set_weights(weights, found)
    for sentence in found.problems.sentences():
        say(f"left out: {sentence}")
    for split in found.made:
        say(f"there was no {split} split; one was made of train photos.")
    model = start(options, [caption for record in found.split("train") for caption in record.captions])
    look_first(found, model, options)
    task = CaptionTask(
        model, found.records, settings, epochs=epochs, seed=seed, cache=cache or out / "cache", precision=precision,
        weights=shares,
    )  # fmt: skip
    say(f"{len(task.train_rows):,} photos to train on, {len(task.val_rows):,} to validate on, "
        f"{len(model.vocabulary):,} words.")  # fmt: skip
    train(task, how, options)
    if scores:
        score_before_and_after(partial(scored, search=SearchSettings(beam=beam)), found, options, main="cider")
    say(f"done: {out / 'best'}; try it with: python -m captioner PHOTO --model {out}")


def start(o: SimpleNamespace, captions: list[str]):
    """The model to train, as the options say."""
    import torch

    from captioner.model import DecoderSettings
    from training.tasks.start import changed, grown, new_captioner, start_encoder, starting_preprocessing

    torch.manual_seed(o.seed)  # a new encoder's weights
    form = o.fit and o.fit.value
    if o.start_from:
        return grown(
            o.start_from, captions, min_count=o.min_count, image_size=o.image_size, fit=form, dropout=o.dropout
        )
    preprocessing = changed(starting_preprocessing(o.encoder, o.encoder_weights), o.image_size, form)
    encoder = start_encoder(o.encoder, o.encoder_weights, stride=o.stride, preprocessing=preprocessing)
    sizes = DecoderSettings(
        o.embedding, o.hidden, o.attention, o.cell, o.layers, 0.3 if o.dropout is None else o.dropout, o.projection
    )
    return new_captioner(
        encoder, captions, preprocessing, sizes,
        min_count=o.min_count, max_size=o.max_size, unit=o.unit, seed=o.seed,
    )  # fmt: skip


def evaluate_captions(
    model: str, data: list[Path], *, format: str | None, split: str, beam: int, length_penalty: float,
    record: bool = False, json_only: bool = False,
) -> bool:  # fmt: skip
    """`python -m training evaluate` for a captioner: print its scores on a split. Whether all photos could be opened."""
    from captioner.search import SearchSettings
    from runtime.bundled import folder_of
    from runtime.checkpoint import change_config, read_config
    from training.metrics.captions import why_no_meteor
    from training.readers.several import read_several

    found = read_several(data, format)
    records = found.split(split)
    if not records:
        raise DataError(
            f"there is no {split} split in {', '.join(map(str, data))}; choose one of train, val and test that it has."
        )
    reason = why_no_meteor()
    if reason:
        say(f"METEOR is null: {reason}")
    scores, bad = scored(model, records, SearchSettings(beam=beam, length_penalty=length_penalty), meteor=not reason)
    tell_bad(bad)
    if record:
        about = read_config(folder_of(model))["about"] | {split: {"data": found.format, "beam": beam, **scores}}
        change_config(folder_of(model), about=about)
    print(json.dumps(scores) if json_only else table(scores))
    return not bad


def scored(model, records: list, search, *, meteor: bool = False) -> tuple[dict, dict[int, str]]:
    """A captioner's scores on these records, and why photos could not be opened; drawn as a bar."""
    from captioner.model import load
    from training.metrics.evaluate import caption_all, score_captions

    from .show import draw_fill

    said = []
    stream = caption_all(load(model), records, search)
    draw_fill((said.append(pair) or len(said) for pair in stream), len(records), "captioning", console)
    bad = {n: str(why) for n, (_, why) in enumerate(said) if isinstance(why, PhotoError)}
    return score_captions(said, meteor=meteor), bad
