"""The command lines of VQA: `python -m training vqa`, and `evaluate` for a VQA model."""

# ruff: noqa: E501 (an option a line)

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer

from runtime.command import say
from runtime.errors import DataError, PhotoError, SettingError

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
    Generate,
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


def vqa(
    context: typer.Context,
    data: DataSets,
    out: Out,
    format: Format = None,
    generate: Generate = False,
    preset: Annotated[str | None, typer.Option(help="Other defaults: easy-vqa, for small drawn pictures; daquar, for a few hundred photos.")] = None,
    start_from: Annotated[str | None, typer.Option(help="A VQA model to go on from: its folder, or bundled-vqa.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Backbone, as of `training captioner`; from random weights unless --encoder-weights.")] = None,
    encoder_weights: Annotated[str | None, typer.Option(help="imagenet, none, or a file or folder of trained weights [default: bundled-captioner].")] = None,
    share_encoder: Annotated[bool, typer.Option("--share-encoder", help="Do not store the encoder again: use the bundled captioner's.")] = False,
    finetune_encoder: Annotated[bool, typer.Option("--finetune-encoder", help="Train the encoder too.")] = False,
    encoder_rate: Annotated[float, typer.Option(help="Its learning rate, as a share of the head's.")] = 0.1,
    stride: Stride = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the photos [default: the encoder's, or 224].")] = None,
    fit: Annotated[Fit | None, typer.Option(help="How a photo becomes square [default: the encoder's, or squash].")] = None,
    cell: Annotated[str, typer.Option(help="lstm, gru or rnn.")] = "lstm",
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = 1,
    hidden: Annotated[int, typer.Option(help="Size of the recurrent state.")] = 512,
    embedding: Annotated[int, typer.Option(help="Size of a word's vector.")] = 256,
    pooling: Annotated[str, typer.Option(help="mean of the photo, or where the question looks: glimpse, two-glimpses.")] = "glimpse",
    attention: Annotated[int, typer.Option(help="Size of the attention's inner layer.")] = 256,
    fusion: Annotated[str, typer.Option(help="Of question and photo: concat, product or low-rank.")] = "concat",
    fused: Annotated[int, typer.Option(help="Size of what comes of it.")] = 512,
    dropout: Annotated[float, typer.Option(help="In the question encoder and the head.")] = 0.3,
    photo: Annotated[bool, typer.Option(help="Without it, a model that answers from the question alone.")] = True,
    unit: Annotated[str, typer.Option(help="word or character.")] = "word",
    min_count: Annotated[int, typer.Option(help="A word must occur this often to be learnt.")] = 2,
    max_size: Annotated[int | None, typer.Option(help="Most words to learn.")] = None,
    most_answers: Annotated[int | None, typer.Option(help="Most answers to learn.")] = 3000,
    min_answers: Annotated[float, typer.Option(help="An answer must be right this often to be learnt.")] = 2,
    epochs: Epochs = 20,
    batch: Batch = 32,
    most_questions: Annotated[int, typer.Option(help="Questions about one photo in one step.")] = 24,
    learning_rate: Rate = 1e-3,
    weight_decay: Decay = 0.01,
    warmup: Warmup = 0.05,
    clip: Clip = 5.0,
    smoothing: Annotated[float, typer.Option(help="Label smoothing.")] = 0.0,
    blind: Annotated[float, typer.Option(help="Share of the questions that are asked without their photo.")] = 0.1,
    word_dropout: Annotated[float, typer.Option(help="Share of the words replaced by <unk>.")] = 0.0,
    start_size: Annotated[int, typer.Option(help="Side of the views in the first epochs; it grows to --image-size.")] = 0,
    smallest_view: Annotated[float, typer.Option(help="Least part of a photo that an augmented view shows; 1: as it is.")] = 0.6,
    mirror: Annotated[bool, typer.Option(help="Mirror photos at random.")] = False,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without a better accuracy; 0 never.")] = 5,
    accumulate: Accumulate = 1,
    precision: Precision = "auto",
    seed: Seed = 1,
    cache: Cache = None,
    resume: Resume = False,
    anyway: Anyway = False,
    scores: Scores = True,
):  # fmt: skip
    """Train a VQA model on photos with questions. Or with captions: questions are made of them. The best by accuracy on the val split is kept in OUT/best."""
    given = {name: value for name, value in locals().items() if name != "context"}

    from training.loop.task import FitSettings
    from training.tasks.question_data import read_all
    from training.tasks.vqa import VqaSettings, VqaTask

    options = with_preset(context, given)
    settings, how = picked(VqaSettings, options), picked(FitSettings, options)
    found = read_all(options.data, options.format, generate=options.generate)
    for remark in found.remarks:
        say(remark)
    answerer = start(options, found.split("train"))
    prospect = look_first(found, answerer, options)
    task = VqaTask(
        answerer, found.records, settings, epochs=how.epochs, seed=how.seed, cache=cache or out / "cache",
        precision=precision,
    )  # fmt: skip
    say(f"{len(task.train_rows):,} photos to train on; {len(answerer.vocabulary):,} words; {len(answerer.answers):,} "
        f"answers, with which {prospect.covered:.1%} of the val questions could be answered right.")  # fmt: skip
    train(task, how, options)
    if scores:
        score_before_and_after(scored, found, options, main="accuracy")
    say(f'done: {out / "best"}; try it with: python -m vqa PHOTO "QUESTION" --model {out}')


def with_preset(context: typer.Context, given: dict) -> SimpleNamespace:
    """The options, with those of the preset where the user did not give another.

    Raises:
        SettingError: there is no such preset.
    """
    from training.tasks.vqa import PRESETS

    name = given["preset"]
    if name is not None and name not in PRESETS:
        raise SettingError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    other = PRESETS[name] if name else {}
    asked = {key for key in other if context.get_parameter_source(key).name != "DEFAULT"}
    return SimpleNamespace(**given | {key: value for key, value in other.items() if key not in asked})


def start(o: SimpleNamespace, records: list):
    """The model to train, as the options say."""
    import torch

    from training.tasks.start_vqa import encoder_for, grown_answerer, new_answerer, share_encoder
    from vqa.head import HeadSettings

    torch.manual_seed(o.seed)  # a new encoder's weights
    form = o.fit and Fit(o.fit).value
    sets = {"min_count": o.min_count, "most_answers": o.most_answers, "min_answers": o.min_answers}
    if o.start_from and (o.encoder or o.encoder_weights):
        raise SettingError("--start-from goes on with that model's encoder; leave out --encoder and --encoder-weights.")
    if o.start_from:
        answerer = grown_answerer(o.start_from, records, image_size=o.image_size, fit=form, **sets)
    else:
        encoder, preprocessing = encoder_for(
            o.encoder, o.encoder_weights, stride=o.stride, image_size=o.image_size, fit=form
        )
        if o.encoder and o.encoder_weights in (None, "none") and not o.finetune_encoder:
            raise SettingError(
                f"a {o.encoder} of random weights that is not trained sees nothing; add --finetune-encoder, or give "
                "--encoder-weights."
            )
        head = HeadSettings(
            embedding_size=o.embedding, question_size=o.hidden, cell=o.cell, layers=o.layers, pooling=o.pooling,
            attention_size=o.attention, fusion=o.fusion, hidden_size=o.fused, dropout=o.dropout, photo=o.photo,
        )  # fmt: skip
        answerer = new_answerer(
            encoder, records, preprocessing, head, max_size=o.max_size, unit=o.unit, seed=o.seed, **sets
        )
    if o.share_encoder:
        if o.finetune_encoder:
            raise SettingError("--share-encoder keeps the encoder as it is; leave out --finetune-encoder.")
        share_encoder(answerer)
    return answerer


def evaluate_answers(
    model: str, data: list[Path], *, format: str | None, split: str,
    generate: bool = False, record: bool = False, json_only: bool = False,
) -> bool:  # fmt: skip
    """`python -m training evaluate` for a VQA model: print its scores on a split. Whether all photos could be opened."""
    from runtime.bundled import folder_of
    from runtime.checkpoint import change_config, read_config
    from training.metrics.answers import NO_WORDNET
    from training.tasks.question_data import read_all

    found = read_all(data, format, generate=generate)
    records = found.split(split)
    if not records:
        named = ", ".join(map(str, data))
        raise DataError(f"there is no {split} split in {named}; choose one of train, val and test that it has.")
    scores, bad = scored(model, records)
    tell_bad(bad)
    if scores["wups_0.9"] is None:
        say(f"WUPS is null: {NO_WORDNET}")
    if record:
        about = read_config(folder_of(model))["about"] | {split: {"data": "+".join(found.formats), **scores}}
        change_config(folder_of(model), about=about)
    print(json.dumps(scores) if json_only else table(scores))
    return not bad


def scored(model, records: list) -> tuple[dict, dict[int, str]]:
    """A VQA model's scores on these records, and why photos could not be opened; drawn as a bar."""
    from training.metrics.evaluate_answers import answer_all, score_answers
    from vqa.model import load

    from .show import draw_fill

    said, bad = [], {}

    def count(photos):
        for done, photo in enumerate(photos, 1):
            if isinstance(photo, PhotoError):
                bad[done] = str(photo)
            else:
                said.extend(photo)
            yield done

    draw_fill(count(answer_all(load(model), records)), len({r.image for r in records}), "answering", console)
    return score_answers(said), bad
