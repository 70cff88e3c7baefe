"""Configs: every option comes through, in Python and on the command line; what cannot be is refused."""

import subprocess
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from runtime.errors import SettingError
from training.__main__ import COMMANDS
from training.commands.options import command
from training.config.commands import (
    CaptionerConfig,
    CheckConfig,
    EncoderConfig,
    EvaluateConfig,
    ExportConfig,
    ShareConfig,
    StudyConfig,
    VqaConfig,
)
from training.config.data import QuestionTrainingData
from training.config.fit import FitSettings
from training.config.model import RECURRENT, CaptionerModel, ModelSettings, VqaModel
from training.config.options import options
from training.config.task import CaptionSettings, EncoderSettings, VqaSettings

TWO = (Path("a"), Path("b"))
FIT = {"epochs": 3, "learning_rate": 0.5, "weight_decay": 0.3, "warmup": 0.4, "clip": 2.0, "ema": 0.9, "patience": 7,
       "seed": 9, "accumulate": 2, "precision": "32", "save_minutes": 1.0}  # fmt: skip
MODEL = {"encoder": "tiny", "encoder_weights": "imagenet", "stride": 32, "image_size": 96, "fit": "pad", "cell": "gru",
         "layers": 2, "hidden": 8, "embedding": 9, "attention": 10, "unit": "character", "min_count": 3, "max_size": 99,
         "dropout": 0.7, "variant": "reset-before", "forget_bias": 0.5, "highway": True, "init": "orthogonal",
         "initial_state": "learnt", "truncate": 3}  # fmt: skip
COLUMNS = {"image_column": "a", "caption_column": ("b", "c*"), "question_column": "d", "answer_column": "e",
           "split_column": "f", "strip_prefix": "/g"}  # fmt: skip
TASK = {"finetune_encoder": True, "encoder_rate": 0.5, "batch": 5, "smoothing": 0.3, "word_dropout": 0.2,
        "start_size": 64, "smallest_view": 0.9}  # fmt: skip
OUTPUT = {"out": Path("out"), "cache": Path("cache"), "resume": True}
RUN = {**OUTPUT, "anyway": True, "scores": False}
RAY = {"cache_engine": "ray", "workers": 2, "address": "here:1", "overwrite": True}

# Together, those of one config set every option to another value than its default; not all of them can be at once.
CONFIGS = [
    (CaptionerConfig, {
        "data": TWO, "format": "coco", "weights": "1,2", "held_out": TWO, **COLUMNS, **RUN, **MODEL,
        "projection": 4, **TASK,
        "mirror": False, "trainable_layers": 2, "most_captions": 3, "look_everywhere": 0.6, "scheduled_sampling": 0.1,
        "samples": 4, "beam": 2, **FIT, "optimiser": "sgd",
    }),
    (CaptionerConfig, {"data": TWO, "out": Path("out"), "start_from": "x", "objective": "cider", "views": 3, **RAY}),
    (VqaConfig, {
        "data": TWO, "format": "table", "weights": "1,2", "generate": True, "generate_seeds": 3, **COLUMNS, **RUN,
        **MODEL, "pooling": "mean", "fusion": "product",
        "fused": 7, "photo": False, "most_answers": 12, "min_answers": 1.5, **TASK, "mirror": True,
        "most_questions": 6, "blind": 0.4, **FIT, "optimiser": "sgd",
    }),
    (VqaConfig, {"data": TWO, "out": Path("out"), "start_from": "x", "share_encoder": True, "views": 3,
                 "teacher": ("m", "n"), "teacher_weight": 0.8, **RAY}),
    (EncoderConfig, {
        "data": Path("a"), **OUTPUT, "encoder": "tiny", "stride": 32, "image_size": 96, "start_size": 32, "fit": "crop",
        "batch": 5, "hold_out": 0.5, "smoothing": 0.3, "smallest_view": 0.9, **FIT, "optimiser": "adamw",
    }),
    (EncoderConfig, {"data": Path("a"), "out": Path("out"), "overwrite": True}),
    (CheckConfig, {"data": TWO, "format": "coco", "kind": "captions", "start_from": "x", "image_size": 96,
                   "finetune_encoder": True, "batch": 5, "min_count": 3, "quick": True, "json": True,
                   **COLUMNS}),
    (CheckConfig, {"data": TWO, "encoder": "tiny"}),
    (EvaluateConfig, {"model": "m", "data": TWO, "format": "coco", "generate": True, "split": "val", "beam": 5,
                      "length_penalty": 0.1, "engine": "onnx", "calibrate": True, "record": True, "json": True,
                      **COLUMNS}),
    (ExportConfig, {"model": "m", "out": Path("o"), "photos": Path("p"), "int8": True, "data": TWO}),
    (StudyConfig, {"name": "reach", "out": Path("o"), "hidden": 8, "steps": 9, "seeds": 2, "data": Path("d"),
                   "photos": 7, "epochs": 3}),
    (ShareConfig, {"model": "m", "out": Path("o"), "note": "free", "image_size": 96, "photo_side": 120,
                   "average": ("b",), "overwrite": True}),
]  # fmt: skip
COMMAND_CONFIGS = [config for config, _ in COMMANDS.values()]


def parsed(config, words):
    """The config that a command line gives."""
    taken, app = [], typer.Typer()
    app.command()(command(config, taken.append))
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return taken[0]


@pytest.mark.parametrize("config, given", CONFIGS)
def test_every_option_comes_through_python_and_the_command_line(config, given):
    made = config.of(**given)
    assert {name: made.leaves()[name] for name in given} == given
    assert config.of(**made.leaves()) == made and made.leaves().keys() == options(config).keys()
    assert parsed(config, made.arguments()) == made


@pytest.mark.parametrize("config", COMMAND_CONFIGS)
def test_together_those_configs_set_every_option_to_another_value_than_its_default(config):
    given = [values for kind, values in CONFIGS if kind is config]
    for name, option in options(config).items():
        assert any(values.get(name, option.default) != option.default for values in given), name


@pytest.mark.parametrize("config", COMMAND_CONFIGS)
def test_every_option_has_its_help_and_every_command_says_what_it_does(config):
    assert config.__doc__ and all(option.help for option in options(config).values())


def test_a_default_is_the_command_s_own():
    assert options(EncoderConfig)["learning_rate"].default == 0.2 != options(CaptionerConfig)["learning_rate"].default
    assert options(VqaConfig)["min_count"].default == 2 and options(CaptionerConfig)["min_count"].default == 5
    assert options(CaptionerConfig)["smoothing"].help == "Label smoothing (Szegedy et al. 2016)."


def test_a_preset_gives_other_defaults_and_what_is_given_counts():
    made = VqaConfig.of(data="d", out="o", preset="easy-vqa", hidden=16, mirror=False)
    assert (made.model.hidden, made.model.encoder, made.fit.warmup, made.task.mirror) == (16, "tiny", 0.2, False)
    words = "--data d --out o --preset easy-vqa --hidden 16 --no-mirror --patience 5".split()
    assert parsed(VqaConfig, words) == VqaConfig.of(**made.leaves() | {"patience": 5})


@pytest.mark.parametrize("name", VqaConfig.PRESETS)
def test_a_preset_names_options_that_there_are(name):
    made = VqaConfig.of(preset=name, data="d", out="o").leaves()
    assert {option: made[option] for option in VqaConfig.PRESETS[name]} == VqaConfig.PRESETS[name]


@pytest.mark.parametrize("group, wrong, words", [
    (FitSettings, {"epochs": 0}, "epochs is 0; choose 1 or more."),
    (FitSettings, {"accumulate": 0}, "accumulate is 0"),
    (FitSettings, {"learning_rate": 0}, "learning_rate is 0; choose a number above 0."),
    (FitSettings, {"learning_rate": float("nan")}, "learning_rate is nan"),
    (FitSettings, {"learning_rate": float("inf")}, "learning_rate is inf"),
    (FitSettings, {"optimiser": "adam"}, "optimiser is 'adam'; choose adamw or sgd."),
    (FitSettings, {"precision": "16"}, "precision is '16'; choose auto, 32 or bf16."),
    (FitSettings, {"warmup": 1}, "warmup is 1; choose a share from 0 up to 1, without 1 itself."),
    (FitSettings, {"ema": 1.0}, "ema is 1.0; choose a share from 0 up to 1"),
    (FitSettings, {"clip": -1.0}, "clip is -1.0"),
    (FitSettings, {"clip": 0.0}, "clip is 0.0"),
    (FitSettings, {"patience": -1}, "patience is -1; choose 0 or more."),
    (FitSettings, {"weight_decay": -0.1}, "weight_decay is -0.1"),
    (CaptionerModel, {"hidden": 0}, "hidden is 0"),
    (CaptionerModel, {"layers": 0}, "layers is 0"),
    (CaptionerModel, {"image_size": 0}, "image_size is 0"),
    (CaptionerModel, {"min_count": 0}, "min_count is 0"),
    (CaptionerModel, {"projection": -1}, "projection is -1"),
    (CaptionerModel, {"dropout": 1.0}, "dropout is 1.0"),
    (CaptionerModel, {"unit": "letter"}, "unit is 'letter'; choose word or character."),
    (CaptionerModel, {"fit": "stretch"}, "fit is 'stretch'; choose squash, crop or pad."),
    (CaptionerModel, {"start_from": "x", "cell": "gru"}, "leave out --cell."),
    (CaptionerModel, {"start_from": "x", "projection": 8}, "leave out --projection."),
    (VqaModel, {"start_from": "x", "encoder_weights": "none", "photo": False}, "leave out --encoder-weights, --photo."),
    (VqaModel, {"most_answers": 0}, "most_answers is 0"),
    (VqaModel, {"min_answers": 0}, "min_answers is 0"),
    (CaptionSettings, {"batch": 0}, "batch is 0"),
    (CaptionSettings, {"beam": 0}, "beam is 0"),
    (CaptionSettings, {"most_captions": 0}, "most_captions is 0"),
    (CaptionSettings, {"samples": 1}, "samples is 1"),
    (CaptionSettings, {"encoder_rate": 0}, "encoder_rate is 0"),
    (CaptionSettings, {"smoothing": 1.0}, "smoothing is 1.0"),
    (CaptionSettings, {"word_dropout": -0.1}, "word_dropout is -0.1"),
    (CaptionSettings, {"scheduled_sampling": 2}, "scheduled_sampling is 2"),
    (CaptionSettings, {"look_everywhere": -1}, "look_everywhere is -1"),
    (CaptionSettings, {"smallest_view": 0}, "smallest_view is 0"),
    (CaptionSettings, {"objective": "bleu"}, "objective is 'bleu'; choose likelihood or cider."),
    (CaptionSettings, {"objective": "cider", "word_dropout": 0.1}, "leave out --word-dropout."),
    (CaptionSettings, {"trainable_layers": -1}, "trainable_layers is -1"),
    (CaptionSettings, {"trainable_layers": 1}, "add --finetune-encoder"),
    (CaptionSettings, {"start_size": 32}, "leave out --start-size, or add --finetune-encoder"),
    (VqaSettings, {"most_questions": 0}, "most_questions is 0"),
    (VqaSettings, {"blind": 1}, "blind is 1"),
    (VqaSettings, {"teacher": ("m",), "teacher_weight": 1}, "teacher_weight is 1"),
    (VqaSettings, {"teacher_weight": 0.4}, "add --teacher, or leave it out"),
    (VqaSettings, {"teacher": ("m",), "finetune_encoder": True}, "leave out --finetune-encoder, or --teacher"),
    (partial(QuestionTrainingData, data=TWO), {"generate_seeds": 0}, "generate_seeds is 0"),
    (EncoderSettings, {"batch": 0}, "batch is 0"),
    (EncoderSettings, {"hold_out": 0}, "hold_out is 0"),
    (EncoderSettings, {"fit": "stretch"}, "fit is 'stretch'"),
    (EncoderSettings, {"smallest_view": 1.1}, "smallest_view is 1.1"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence_with_the_value(group, wrong, words):
    with pytest.raises(SettingError) as error:
        group(**wrong)
    assert words in str(error.value) and "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize("config, given, words", [
    (CaptionerConfig, {"data": "d", "out": "o", "epoch": 1}, "no option 'epoch'; did you mean 'epochs'?"),
    (CaptionerConfig, {"data": "d", "out": "o", "zzz": 1}, "no option 'zzz'; choose one of data, format"),
    (CaptionerConfig, {"data": "d"}, "out is missing"),
    (CaptionerConfig, {"data": "d", "out": "o", "preset": "daquar"}, "no preset 'daquar'; choose one of none"),
    (VqaConfig, {"data": "d", "out": "o", "preset": "hard"}, "no preset 'hard'; choose one of easy-vqa, daquar"),
    (VqaConfig, {"data": "d", "out": "o", "encoder": "tiny"}, "a tiny of random weights that is not trained"),
    (VqaConfig, {"data": "d", "out": "o", "share_encoder": True, "finetune_encoder": True}, "--share-encoder keeps"),
    (CheckConfig, {"data": "d", "encoder": "tiny", "start_from": "x"}, "leave out --encoder"),
    (EvaluateConfig, {"data": "d", "model": "m", "beam": 0}, "beam is 0"),
    (EvaluateConfig, {"data": "d", "model": "m", "calibrate": True}, "would make its scores too good"),
])  # fmt: skip
def test_options_that_are_not_there_or_do_not_go_together_are_refused(config, given, words):
    with pytest.raises(SettingError) as error:
        config.of(**given)
    assert words in str(error.value)


def test_help_waits_for_nothing_heavy():
    code = ("import sys; from training.__main__ import app; sys.argv[1:] = ['captioner', '--help']\n"
            "try:\n    app()\nfinally:\n    print(*sys.modules); sys.stdout.flush()")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "--learning-rate" in done.stdout
    assert not {"torch", "numpy", "gradio", "timm"} & set(done.stdout.split())


def test_the_recurrent_options_are_those_of_the_network_with_its_defaults():
    from encoders.recurrent import RecurrentSettings  # PyTorch, which no config imports

    defaults = {field.name: field.default for field in fields(RecurrentSettings)}
    assert tuple(defaults) == RECURRENT and ModelSettings().recurrent == defaults
