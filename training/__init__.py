"""Data -> models. Each line is what `python -m training` does, with the same options by the same names:

    import training
    training.train("captioner", data="DATA", out="runs/mine", start_from="bundled-captioner", epochs=5)
    training.evaluate("runs/mine", data="DATA")["cider"]
    training.check("DATA").stops

Progress is drawn on standard error. A mistake of the caller's is a `runtime.errors.GlimpseError`, told in one sentence.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checks.report import Report

__all__ = ["check", "evaluate", "train"]


def train(kind: str, *, data: "str | Path | Sequence[str | Path]", out: str | Path, **options: Any) -> Path:
    """Train a model, and keep the best one by its score on the val split.

    Args:
        kind: `captioner`, `vqa` or `encoder`.
        data: a data set, or several that are read as one.
        out: the folder of the run.
        options: of `python -m training KIND --help`, with `_` for `-`: `finetune_encoder=True`, `preset="daquar"`.

    Returns:
        The folder of the best model, which `captioner.load` or `vqa.load` opens.

    Raises:
        SettingError: there is no such option, or a value cannot be.
        DataError: the data cannot be read, or would ruin the run.
    """
    from importlib import import_module

    from runtime.errors import SettingError

    from .config.commands import CaptionerConfig, EncoderConfig, VqaConfig

    configs = {"captioner": CaptionerConfig, "vqa": VqaConfig, "encoder": EncoderConfig}
    if kind not in configs:
        raise SettingError(f"there is no model {kind!r} to train; choose one of {', '.join(configs)}.")
    config = configs[kind].of(data=data, out=out, **options)
    return import_module(f"training.commands.{kind}").train(config)


def evaluate(model: str | Path, *, data: "str | Path | Sequence[str | Path]", **options: Any) -> dict:
    """Score a model on a split it was not trained on, `test` unless `split` says another.

    Args:
        model: a model's folder, `bundled-captioner` or `bundled-vqa`.
        options: of `python -m training evaluate --help`: `split="val"`, `beam=5`, `record=True`.

    Returns:
        Of a captioner `{"images", "bleu_1" .. "bleu_4", "meteor", "rouge_l", "cider"}`, of a VQA model `{"questions",
        "accuracy", "per_type", "question_only_accuracy", ...}`: 0-100, None for what could not be computed.

    Raises:
        ModelError: there is no such model. DataError: the data cannot be read, or have no such split.
    """
    from .commands.evaluate import score
    from .config.commands import EvaluateConfig

    return score(EvaluateConfig.of(model=model, data=data, **options))[0]


def check(data: "str | Path | Sequence[str | Path]", **options: Any) -> "Report":
    """Look through a data set before training on it.

    Args:
        options: of `python -m training check --help`: `kind="questions"`, `quick=True`.

    Returns:
        What it holds, what is wrong, what training will take; `stops` are the sentences with which training refuses it.

    Raises:
        DataError: it cannot be read.
    """
    from .commands.check import report_on
    from .config.commands import CheckConfig

    return report_on(CheckConfig.of(data=data, **options))
