"""`python -m training share`."""

from collections.abc import Sequence
from dataclasses import replace

import torch

import captioner
import vqa
from captioner import Captioner
from runtime.bundled import resolve_model
from runtime.checkpoint import CONFIG, read_config
from runtime.command import print_error
from runtime.errors import SettingError, printable
from training.config.commands import ShareConfig
from training.tasks.start import extend_captioner
from vqa import Answerer

SCORES = ("validation", "test", "before", "after")  # of `about`, on photos of the size that it was trained on


def share(config: ShareConfig) -> None:
    """Write a model folder in half precision.

    Raises:
        SettingError: OUT holds a model already, or the image size is of a VQA model. Others: see `load` and `save`.
    """
    if (config.out / CONFIG).exists() and not config.overwrite:
        raise SettingError(f"{printable(config.out)} holds a model already; replace it with --overwrite, or choose "
                           "another OUT.")  # fmt: skip
    package = vqa if read_config(resolve_model(config.model))["kind"] == "vqa" else captioner
    loaded = package.load(config.model, exact=True, device=torch.device("cpu"))
    if config.image_size:
        if package is vqa:
            raise SettingError("--image-size is of a captioner; train the VQA model anew on the encoder of that size.")
        about = {name: value for name, value in loaded.about.items() if name not in SCORES}
        loaded = extend_captioner(config.model, (), min_count=1, image_size=config.image_size)
        loaded.about = about
    if config.average:
        _average(
            loaded, [package.load(other, exact=True, device=torch.device("cpu")) for other in config.average], config
        )
    if config.photo_side:
        loaded.preprocessing = replace(loaded.preprocessing, photo_side=config.photo_side)
    if config.note:
        loaded.about["note"] = config.note
    loaded.save(config.out, dtype=torch.float16)
    print_error(f"{config.out}: {sum(file.stat().st_size for file in config.out.iterdir()) / 1e6:.1f} MB")
    print_error(f"To use it without PyTorch, make its graphs: python -m training export {config.out}")


def _average(model: Captioner | Answerer, others: Sequence[Captioner | Answerer], config: ShareConfig) -> None:
    """Give a model the mean of its weights and of the others'. What is told of its scores is no longer true of it.

    Raises:
        SettingError: another model is not of the same shape, or reads other words.
    """
    states = [one.network.state_dict() for one in (model, *others)]
    for name, other, state in zip(config.average, others, states[1:], strict=True):
        shapes = [{key: tensor.shape for key, tensor in one.items()} for one in (states[0], state)]
        if shapes[0] != shapes[1] or _reads_and_says(model) != _reads_and_says(other):
            raise SettingError(
                f"{printable(name)} has other words, answers, sizes or photos than {printable(config.model)}; "
                "average models of which one was trained from the other."
            )
    for key, tensor in states[0].items():
        if not all(torch.equal(tensor, state[key]) for state in states[1:]):  # a shared encoder keeps its fingerprint
            tensor.copy_(torch.stack([state[key].float() for state in states]).mean(0))
    model.about = {name: value for name, value in model.about.items() if name not in SCORES}


def _reads_and_says(model: Captioner | Answerer) -> tuple:
    """What its weights stand for, in their order."""
    answers = model.answers.to_list() if isinstance(model, Answerer) else None
    return model.preprocessing, model.vocabulary.unit, model.vocabulary.tokens, answers
