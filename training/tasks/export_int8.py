"""A model folder that computes in 8 bits, and how often it says what the full model says."""

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
from encoders.onnx_int8 import INT8_WEIGHTS, quantise_encoder
from encoders.preprocessing import Preprocessing
from runtime.bundled import resolve_model
from runtime.checkpoint import WEIGHTS, read_config
from runtime.errors import DataError, PhotoError, SettingError, printable
from runtime.onnx_export import register_graphs
from vqa import Answerer

from .export import QUESTIONS, export_model

LOOKED_AT = 128  # photos from which the ranges of activations are taken


def export_int8(
    model: str | Path, out: Path, photos: Sequence[Image.Image], training_photos: Sequence
) -> tuple[Path, float]:
    """Make a model's graphs in a copy of it, with the encoder and a captioner's decoder in 8 bits.

    Args:
        photos: to compare on.
        training_photos: what `open_photo` opens; some are drawn of them.

    Returns:
        The folder, and the share of the captions, or of the answers, on `photos` that are as before, 0..1.

    Raises:
        SettingError: the model shares another's encoder. Else as `export_model`.
        DataError: no training photo can be opened.
    """
    shared = read_config(resolve_model(model)).get("encoder", {}).get("from")
    if shared:
        raise SettingError(
            f"{printable(model)} has the encoder of {shared}, and none to put in 8 bits; leave out --int8."
        )
    folder, _ = export_model(model, out, photos)
    config = read_config(folder)
    load = captioner.load if config["kind"] == "captioner" else vqa.load
    before = _said(load(folder, engine="onnx"), photos)
    some = list(_some(training_photos, Preprocessing(**config["preprocessing"])))
    if not some:
        raise DataError("none of the training photos can be opened; look through them with: python -m training check")
    quantise_encoder(folder, some)
    made = [INT8_WEIGHTS]
    if config["kind"] == "captioner":
        made += quantise_decoder(folder)
    about = {name: value for name, value in config["onnx"].items() if name not in ("format", "files")}
    graphs = [name for name in config["onnx"]["files"] if name != WEIGHTS]
    register_graphs(folder, [*graphs, *made], **about, int8={"photos": len(some)})
    after = _said(load(folder, engine="onnx"), photos)
    return folder, sum(a == b for a, b in zip(before, after, strict=True)) / len(before)


def _some(photos: Sequence, preprocessing: Preprocessing) -> Iterator[np.ndarray]:
    """Normalised photos (1, 3, S, S), drawn from these; those that cannot be opened are passed over."""
    for photo in random.Random("int8").sample(photos, min(LOOKED_AT, len(photos))):
        try:
            yield preprocessing(open_photo(photo, smallest=preprocessing.size))[None]
        except PhotoError:
            continue


def _said(model: Captioner | Answerer, photos: Sequence[Image.Image]) -> list[str]:
    if isinstance(model, Captioner):
        return [model(photo).text for photo in photos]
    return [answers[0].text for photo in photos for answers in model.look(photo).ask_all(QUESTIONS)]
