"""Graphs in 8 bits beside the full ones of a model folder, and how often they say the same."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import captioner
import vqa
from captioner import Captioner
from captioner.onnx_export import quantise_decoder
from encoders.images import open_photo
from encoders.onnx_int8 import quantise_encoder
from encoders.preprocessing import Preprocessing
from runtime.checkpoint import WEIGHTS, read_config
from runtime.errors import DataError, PhotoError
from runtime.onnx_export import register_graphs
from runtime.onnx_graphs import INT8
from vqa import Answerer
from vqa.onnx_export import quantise_head

LOOKED_AT = 128  # photos from which the ranges of activations are taken
QUESTIONS = ("what is in the photo?", "what color is it?", "how many people are there?", "is it outdoors?")


def add_int8(folder: Path, photos: Sequence[Image.Image], training_photos: Sequence) -> float:
    """Make graphs in 8 bits of those that a model's folder has.

    Args:
        photos: to compare on.
        training_photos: what `open_photo` opens; some are drawn of them. None are looked at for a model that shares
            another's encoder.

    Returns:
        The share of the captions, or of the answers, on `photos` that both kinds of graph give, 0..1.

    Raises:
        ModelError: there is nothing to put in 8 bits, or the encoder that the model shares has no graphs in 8 bits.
        DataError: no training photo can be opened.
    """
    config = read_config(folder)
    about = {name: value for name, value in config["onnx"].items() if name not in ("format", "files")}
    graphs, looked_at = [name for name in config["onnx"]["files"] if name != WEIGHTS], 0
    if "from" not in config["encoder"]:
        some = list(_some(training_photos, Preprocessing(**config["preprocessing"])))
        if not some:
            raise DataError("none of the training photos can be opened; look through them: python -m training check")
        graphs.append(quantise_encoder(folder, some))
        looked_at = len(some)
    graphs += quantise_decoder(folder) if config["kind"] == "captioner" else quantise_head(folder)
    register_graphs(folder, graphs, **about, int8={"photos": looked_at})
    load = captioner.load if config["kind"] == "captioner" else vqa.load
    full, small = (_said(load(folder, engine=engine), photos) for engine in ("onnx", INT8))
    return sum(a == b for a, b in zip(full, small, strict=True)) / len(full)


def _some(photos: Sequence, preprocessing: Preprocessing) -> Iterator[np.ndarray]:
    """Normalised photos (1, 3, S, S), drawn from these; those that cannot be opened are passed over."""
    for photo in random.Random("int8").sample(photos, min(LOOKED_AT, len(photos))):
        try:
            yield preprocessing(open_photo(photo, min_side=preprocessing.min_side))[None]
        except PhotoError:
            continue


def _said(model: Captioner | Answerer, photos: Sequence[Image.Image]) -> list[str]:
    if isinstance(model, Captioner):
        return [model(photo).text for photo in photos]
    return [answers[0].text for photo in photos for answers in model.look(photo).ask_all(QUESTIONS)]
