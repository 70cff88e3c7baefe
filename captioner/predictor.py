"""The captioner as people use it: photos in, captions out. Opens, preprocesses and searches, over any engine."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from encoders.images import Photo, Preprocessing, open_photo
from encoders.stream import stream
from encoders.text import END, PAD, START, UNK, Vocabulary
from runtime.checkpoint import save_folder
from runtime.errors import PhotoError, SettingError

from .caption import Caption, Word
from .engine import Engine
from .search import Hypothesis, SearchSettings, search

if TYPE_CHECKING:  # PyTorch is imported where its network is made, and nowhere else
    import torch

    from encoders.cnn import ImageEncoder

    from .decoder import DecoderSettings
    from .network import CaptionNetwork


class Captioner:
    """Describes photos. Threads may share one: nothing of a request is kept in it.

    Args:
        engine: maps tensors to tensors; a `CaptionNetwork`, or anything that offers its functions.
        vocabulary: the words whose logits the engine gives.
        preprocessing: what the engine's weights were trained with.
        about: scores, licence note and whatever else a model folder tells of itself.
        folder: the model folder it was loaded from, if any.

    Raises:
        SettingError: the engine and the preprocessing are for photos of different sizes.
    """

    def __init__(
        self, engine: Engine, vocabulary: Vocabulary, preprocessing: Preprocessing, *, about: dict | None = None,
        folder: Path | None = None,
    ):  # fmt: skip
        if engine.image_size != preprocessing.size:
            raise SettingError(
                f"the encoder is for photos of {engine.image_size} pixels, the preprocessing makes "
                f"{preprocessing.size}; choose one size for both."
            )
        self.engine, self.vocabulary, self.preprocessing = engine, vocabulary, preprocessing
        self.about, self.folder = about or {}, folder

    @classmethod
    def build(
        cls,
        encoder: "ImageEncoder",
        vocabulary: Vocabulary,
        preprocessing: Preprocessing,
        settings: "DecoderSettings | None" = None,
        *,
        about: dict | None = None,
    ) -> "Captioner":
        """One with a new decoder, to be trained or filled with weights."""
        from .network import CaptionNetwork

        network = CaptionNetwork(encoder, vocabulary_size=len(vocabulary), settings=settings)
        return cls(network, vocabulary, preprocessing, about=about)

    @property
    def network(self) -> "CaptionNetwork":
        """The engine, where it is PyTorch's: what can be trained and saved.

        Raises:
            SettingError: it is another.
        """
        if not hasattr(self.engine, "state_dict"):  # as every torch module has
            raise SettingError("this captioner does not run in PyTorch; load it with exact=True to train or save it.")
        return self.engine

    def save(self, folder: str | Path, *, dtype: "torch.dtype | None" = None) -> Path:
        """Write the model folder; `dtype` torch.float16 halves it.

        Raises:
            ModelError: the folder cannot be written. SettingError: the weights are not those of training any more.
        """
        config = {
            "encoder": self.network.encoder.config(),
            "preprocessing": asdict(self.preprocessing),
            "decoder": asdict(self.network.settings),
            "vocabulary": {"unit": self.vocabulary.unit, "tokens": self.vocabulary.tokens},
            "about": self.about,
        }
        if self.network.encoder.folded_from:
            raise SettingError("this captioner was loaded for use only; load it with exact=True to save it.")
        return save_folder(folder, kind="captioner", config=config, tensors=self.network.state_dict(), dtype=dtype)

    def encode(self, photos: np.ndarray):
        """Normalised photos (B, 3, S, S) -> features (B, L, D), in the engine's own kind of array."""
        return self.engine.encode(photos)

    def describe(self, features, settings: SearchSettings | None = None) -> list[Caption]:
        """Features (B, L, D) -> one caption a photo, the other `settings.n` - 1 as its alternatives."""
        settings = settings or SearchSettings()
        attention: list[np.ndarray] = []  # of each step, (rows, L)

        def looking(step: Callable) -> Callable:
            """One of the engine's steps, after which it is noted where each row looked."""

            def look(*given):
                *told, state = step(*given)
                attention.append(state.p)
                return *told, state

            return look

        found = search(
            looking(self.engine.step),
            self.engine.start(features),
            start=START,
            end=END,
            banned=(PAD, START) if settings.unknown else (PAD, START, UNK),
            settings=settings,
            seeds=photo_seeds(features, settings.seed) if settings.sample else (),
            likeliest=looking(self.engine.likeliest) if hasattr(self.engine, "likeliest") else None,
        )
        captions = [[self._caption(h, attention) for h in hypotheses] for hypotheses in found]
        return [replace(best, alternatives=tuple(others)) for best, *others in captions]

    def _caption(self, found: Hypothesis, attention: Sequence[np.ndarray]) -> Caption:
        p = np.array([attention[t][row] for t, row in enumerate(found.rows)], dtype=np.float32)
        words = tuple(
            Word(self.vocabulary.tokens[token], math.exp(log_p))
            for token, log_p in zip(found.tokens, found.log_probs, strict=False)  # the last may be the end's
        )
        text = self.vocabulary.decode(found.tokens)
        return Caption(text, words, found.log_prob, p.reshape(-1, *self.engine.grid))

    @overload
    def __call__(self, photo: Photo, settings: SearchSettings | None = None) -> Caption: ...
    @overload
    def __call__(self, photo: Sequence[Photo], settings: SearchSettings | None = None) -> list[Caption]: ...
    def __call__(self, photo, settings=None):
        """Caption a photo (whatever `encoders.images.open_photo` opens), or a list of them.

        Raises:
            PhotoError: a photo that cannot be opened. `stream` goes on past those.
        """
        if not isinstance(photo, (list, tuple)):
            pixels = self.preprocessing(open_photo(photo, min_side=self.preprocessing.min_side))
            return self.describe(self.encode(pixels[None]), settings)[0]
        captions = [caption for _, caption in self.stream(photo, settings)]
        for caption in captions:
            if isinstance(caption, PhotoError):
                raise caption
        return captions

    def stream(
        self, photos: Iterable[Photo], settings: SearchSettings | None = None
    ) -> Iterator[tuple[Photo, Caption | PhotoError]]:
        """(photo, its caption, or why it could not be opened), in the order given, batch by batch."""
        return stream(photos, self.preprocessing, lambda batch: self.describe(self.encode(batch), settings))


def photo_seeds(features, seed: int) -> list[int]:
    """A seed for each photo of a batch, from `seed` and what the photo shows, whatever its place in the batch.

    Args:
        features: (B, L, D). Their rounding depends on the batch, so a photo is known by where its largest one is.
    """
    largest = features.reshape(len(features), -1).argmax(1).tolist()
    return [random.Random(f"{seed} {place}").getrandbits(63) for place in largest]
