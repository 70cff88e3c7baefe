"""A model folder gets the ONNX graphs with which it is used without PyTorch, and they are compared with PyTorch."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import captioner
import captioner.onnx_export
import vqa
import vqa.onnx_export
from captioner import Captioner, SearchSettings
from captioner.network import CaptionNetwork
from encoders.text import START
from runtime.bundled import resolve_model
from runtime.checkpoint import CONFIG, WEIGHTS, model_folder, new_folder, read_config
from runtime.errors import ModelError, printable
from runtime.onnx_export import register_graphs, require_writable
from vqa import Answerer
from vqa.network import AnswerNetwork

from .export_int8 import QUESTIONS, add_int8

TOLERANCE = 1e-3  # between two engines' logits


@dataclass(frozen=True)
class Comparison:
    """How near the graphs come to PyTorch in 32 bits.

    Attributes:
        photos: on how many they were compared.
        logits: the largest difference of logits.
        same_in_8_bits: the share of what graphs in 8 bits say that the full ones say too, 0..1; None without them.
    """

    photos: int
    logits: float
    same_in_8_bits: float | None = None


class _Captions:
    """A captioner's network as an engine that computes in 32 bits, whatever the processor has."""

    def __init__(self, network: CaptionNetwork):
        self.network, self.image_size, self.grid = network, network.image_size, network.grid

    @torch.no_grad()
    def encode(self, photos):
        return self.network.encoder(torch.from_numpy(photos)).numpy()

    @torch.no_grad()
    def start(self, features):
        return self.network.decoder.start(torch.from_numpy(features))

    @torch.no_grad()
    def step(self, tokens, state):
        logits, state = self.network.decoder.step(torch.from_numpy(tokens), state)
        return logits.numpy(), state


class _Answers:
    """An answerer's network as an engine that computes in 32 bits, whatever the processor has."""

    def __init__(self, network: AnswerNetwork):
        self.network, self.image_size, self.grid = network, network.image_size, network.grid
        self.feature_size, self.glimpses = network.feature_size, network.glimpses

    @torch.no_grad()
    def encode(self, photos):
        return self.network.encoder(torch.from_numpy(photos)).numpy()

    def start(self, features):
        return torch.from_numpy(features)

    @torch.no_grad()
    def answer(self, memory, tokens, lengths, blind=None):
        logits, p = self.network(memory, torch.from_numpy(tokens), torch.from_numpy(lengths))
        return logits.numpy(), p.numpy()


def export_model(
    model: str | Path,
    out: Path | None,
    photos: Sequence[Image.Image],
    *,
    int8: bool = False,
    training_photos: Sequence = (),
) -> tuple[Path, Comparison]:
    """Make a model's graphs, in its own folder or in a copy of it, and compare the engines on photos.

    Args:
        int8: make graphs in 8 bits too; training_photos: see `add_int8`.

    Raises:
        ModelError: the model cannot be read or said in ONNX, the graphs give something else than PyTorch, or the
            folder cannot be written. Others: see `add_int8`.
        SettingError: the model's own folder is closed to us.
    """
    source = model_folder(resolve_model(model))
    kind = read_config(source)["kind"]
    if kind not in ("captioner", "vqa"):
        raise ModelError(f"{printable(source)} holds a model of kind {kind!r}; give a captioner or a VQA model.")
    folder = require_writable(source) if out is None else Path(out)
    with new_folder(folder) as new:
        for name in (WEIGHTS, CONFIG):
            shutil.copyfile(source / name, new / name)
        compared = (_export_captioner if kind == "captioner" else _export_answerer)(new, photos)
        if not compared.logits < TOLERANCE:  # nan too
            raise ModelError(
                f"the graphs of {printable(source)} differ from PyTorch by {compared.logits:.2g} in a logit, above "
                f"{TOLERANCE}; use this model with PyTorch."
            )
        if int8:
            compared = replace(compared, same_in_8_bits=add_int8(new, photos, training_photos))
    files = read_config(folder)["onnx"]["files"]
    for file in folder.glob("*-int8.*"):  # of graphs in 8 bits before
        if file.name not in files:
            file.unlink()
    return folder, compared


def _export_captioner(folder: Path, photos: Sequence[Image.Image]) -> Comparison:
    model_under_test = captioner.load(folder, exact=True, device=torch.device("cpu"))
    network = model_under_test.network
    names = captioner.onnx_export.save_graphs(network, folder)
    register_graphs(folder, names, **_about(network))
    made = captioner.load(folder, engine="onnx")
    exact = Captioner(_Captions(network), model_under_test.vocabulary, model_under_test.preprocessing)
    how, logits = SearchSettings(), []
    for photo in photos:
        square = model_under_test.preprocessing(photo)[None]
        captions = [(c, [model_under_test.vocabulary.ids[w.text] for w in c.words])
                    for c in (model.describe(model.encode(square), how)[0] for model in (exact, made))]  # fmt: skip
        if captions[0][0].text != captions[1][0].text:
            return Comparison(len(photos), float("inf"))
        logits.append(_caption_difference(exact.engine, made.engine, square, captions[0][1]))
    return Comparison(len(photos), max(logits))


def _caption_difference(one, other, photo: np.ndarray, words: Sequence[int]) -> float:
    """The largest difference of two engines' logits while they are given the words of a caption."""
    states, worst = [engine.start(engine.encode(photo)) for engine in (one, other)], 0.0
    for token in (START, *words):
        a, states[0] = one.step(np.array([token]), states[0])
        b, states[1] = other.step(np.array([token]), states[1])
        worst = max(worst, float(np.abs(a - b).max()))
    return worst


def _export_answerer(folder: Path, photos: Sequence[Image.Image]) -> Comparison:
    model_under_test = vqa.load(folder, exact=True, device=torch.device("cpu"))
    network, shared = model_under_test.network, model_under_test.encoder_from
    names = vqa.onnx_export.save_graphs(network, folder, own_encoder=not shared)
    register_graphs(folder, names, glimpses=network.glimpses, **({} if shared else _about(network)))
    made = vqa.load(folder, engine="onnx")
    exact = Answerer(
        _Answers(network), model_under_test.vocabulary, model_under_test.answers, model_under_test.preprocessing
    )
    worst = 0.0
    for photo in photos:
        square = model_under_test.preprocessing(photo)[None]
        looks = [model.look_at(model.encode(square)) for model in (exact, made)]
        a, b = (look.logits(QUESTIONS) for look in looks)
        same = (a.argmax(1) == b.argmax(1)).all()
        worst = max(worst, float(np.abs(a - b).max()) if same else float("inf"))
    return Comparison(len(photos), worst)


def _about(network) -> dict:
    """What the config says of the encoder's graph."""
    return {"encoder": network.encoder_fingerprint, "grid": network.grid, "feature_size": network.encoder.feature_size}
