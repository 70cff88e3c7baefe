"""The model a training run begins with: new, on a given encoder, or an earlier one extended."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from captioner.decoder import DecoderSettings
from captioner.model import Captioner, load
from encoders.cnn import ImageEncoder, default_preprocessing
from encoders.images import Preprocessing
from encoders.inference import encoder_fingerprint
from encoders.text import Vocabulary
from encoders.timm_backbone import is_timm
from runtime.checkpoint import CONFIG, WEIGHTS, load_tensors, model_folder, read_config, read_tensors
from runtime.errors import ModelError, SettingError, printable
from training.config.model import CaptionerModel


def start_captioner(config: CaptionerModel, captions: Sequence[str], *, seed: int) -> Captioner:
    """The captioner that training begins with; it knows the words of these captions.

    Args:
        captions: of the training photos.
        seed: of its new weights.

    Raises:
        SettingError, ModelError: in one sentence, what of the config does not fit.
    """
    torch.manual_seed(seed)  # a new encoder's weights
    form = {"image_size": config.image_size, "fit": config.fit}
    if config.start_from:
        return extend_captioner(
            config.start_from, captions, min_count=config.min_count, dropout=config.dropout, **form
        )  # fmt: skip
    before = starting_preprocessing(config.encoder, config.encoder_weights)
    preprocessing = adapt_preprocessing(before, **form)
    encoder = start_encoder(config.encoder, config.encoder_weights, stride=config.stride, preprocessing=preprocessing)
    sizes = DecoderSettings(
        embedding_size=config.embedding, hidden_size=config.hidden, attention_size=config.attention,
        projection_size=config.projection, **config.recurrent,
        dropout=DecoderSettings.dropout if config.dropout is None else config.dropout,
    )  # fmt: skip
    return new_captioner(
        encoder, captions, preprocessing, sizes,
        min_count=config.min_count, max_size=config.max_size, unit=config.unit, seed=seed,
    )  # fmt: skip


def start_encoder(
    name: str | None, weights: str, *, stride: int | None = None, preprocessing: Preprocessing
) -> ImageEncoder:
    """An image encoder with the weights asked for.

    Args:
        name: a key of `BACKBONES`; a trained folder knows its own.
        weights: `imagenet`, `none` (random), a model folder of ours, or a file of a torchvision backbone's weights
            (safetensors, or a .pth state dict, which is read without running anything in it).
        preprocessing: its size is the encoder's.

    Raises:
        SettingError, ModelError: in one sentence, what does not fit.
    """
    size = preprocessing.size
    if weights in ("imagenet", "none"):
        return ImageEncoder(name or "resnet18", stride=stride or 16, image_size=size, imagenet=weights == "imagenet")
    path = Path(weights)
    if not path.exists():
        raise SettingError(
            f"--encoder-weights {printable(path)} does not exist; give imagenet, none, a folder or a file."
        )
    if path.is_dir():
        config = read_config(path)["encoder"] | {"image_size": size}
        if name and name != config["name"]:
            raise SettingError(f"{printable(path)} holds a {config['name']}, not a {name}; leave out --encoder.")
        tensors = read_tensors(model_folder(path) / WEIGHTS)
        tensors = {k.removeprefix("encoder."): t for k, t in tensors.items() if k.startswith("encoder.")}
        encoder = ImageEncoder(**config)
    else:
        encoder = ImageEncoder(name or "resnet18", stride=stride or 16, image_size=size)
        tensors = _torchvision_weights(path)
        prefix = "trunk.network." if is_timm(encoder.name) else "trunk."
        tensors = {prefix + k.removeprefix("features."): t for k, t in tensors.items()}
        tensors = {k: t for k, t in tensors.items() if k in encoder.state_dict()}
    load_tensors(encoder, tensors, printable(path))
    return encoder


def _torchvision_weights(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        if all(isinstance(t, Tensor) for t in tensors.values()):
            return tensors
    except Exception as error:  # a pickle can fail in any way; none of its code is run
        raise ModelError(f"{printable(path)} is not a file of plain weights ({type(error).__name__}).") from None
    raise ModelError(f"{printable(path)} holds more than tensors; save the backbone's state_dict alone.")


def extend_captioner(
    start_from,
    captions: Sequence[str],
    *,
    min_count: int,
    image_size: int | None = None,
    fit: str | None = None,
    dropout: float | None = None,
) -> Captioner:
    """An earlier captioner that also knows the words of these captions.

    Known words keep their weights; a new one starts at the mean of them all.

    Args:
        start_from: its folder, or `bundled-captioner`.
        min_count: how often a new word must occur.
        image_size, fit: other preprocessing than it had; the grid changes with the size, the weights do not.
        dropout: in its decoder, if another than it was trained with.
    """
    before = load(start_from, device=torch.device("cpu"), exact=True)
    known = before.vocabulary
    seen = Vocabulary.build(captions, min_count=min_count, unit=known.unit)
    vocabulary = replace(known, tokens=known.tokens + tuple(t for t in seen.tokens if t not in known.ids))
    preprocessing = adapt_preprocessing(before.preprocessing, image_size, fit)
    encoder = ImageEncoder(**before.network.encoder.config() | {"image_size": preprocessing.size})
    settings = before.network.settings if dropout is None else replace(before.network.settings, dropout=dropout)
    after = Captioner.build(encoder, vocabulary, preprocessing, settings)
    tensors = before.network.state_dict()
    more = len(vocabulary) - len(known)
    for name in ("decoder.embedding.weight", "decoder.bias"):
        mean = tensors[name].mean(dim=0, keepdim=True)
        tensors[name] = torch.cat((tensors[name], mean.expand(more, *mean.shape[1:])))
    load_tensors(after.network, tensors, printable(start_from))
    return after


def new_captioner(
    encoder: ImageEncoder,
    captions: Sequence[str],
    preprocessing: Preprocessing,
    settings: DecoderSettings,
    *,
    min_count: int,
    max_size: int | None,
    unit: str,
    seed: int,
) -> Captioner:
    """A captioner with a fresh decoder, and the vocabulary of these captions."""
    vocabulary = Vocabulary.build(captions, min_count=min_count, max_size=max_size, unit=unit)
    torch.manual_seed(seed)
    return Captioner.build(encoder, vocabulary, preprocessing, settings)


def encoder_and_photos(encoder: ImageEncoder, preprocessing: Preprocessing, trained: bool) -> dict[str, Any]:
    """A run's fingerprint of its encoder and of what the photos become for it; of the weights too where they stay."""
    shape = {"encoder": encoder.config(), "preprocessing": asdict(preprocessing)}
    return shape if trained else shape | {"encoder weights": encoder_fingerprint(encoder)}


def adapt_preprocessing(preprocessing: Preprocessing, image_size: int | None, fit: str | None) -> Preprocessing:
    """The same, but for what is given. For squares of another size, photos keep all the detail that those can show."""
    size = image_size or preprocessing.size
    photo_side = preprocessing.photo_side if size == preprocessing.size else 0
    return replace(preprocessing, size=size, fit=fit or preprocessing.fit, photo_side=photo_side)


def starting_preprocessing(name: str | None, weights) -> Preprocessing:
    """The preprocessing that an encoder's weights were trained with: a model folder's own, else the backbone's."""
    path = Path(weights)
    if any((path / sub / CONFIG).is_file() for sub in ("", "best", "last")):
        return Preprocessing(**read_config(path)["preprocessing"])
    return Preprocessing(**default_preprocessing(name or "resnet18"))
