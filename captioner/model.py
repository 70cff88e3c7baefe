"""The captioner as people use it: photos in, captions out, one folder on disk."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing, open_photo
from encoders.linear import ready
from encoders.stream import stream
from encoders.text import END, PAD, START, UNK, Vocabulary
from runtime.bundled import BUNDLED_CAPTIONER, folder_of
from runtime.checkpoint import CONFIG, load_weights, model_folder, read_config, save_folder
from runtime.device import autocast, best_device
from runtime.errors import ModelError, PhotoError, SettingError, shown

from .caption import Caption, Word
from .decoder import Decoder, State
from .search import Hypothesis, SearchSettings, search

BUNDLED = BUNDLED_CAPTIONER


@dataclass(frozen=True)
class DecoderSettings:
    """Sizes of the decoder; see `captioner.decoder.Decoder`.

    Raises:
        SettingError: a size below 1, or a dropout that is no share.
    """

    embedding_size: int = 512
    hidden_size: int = 512
    attention_size: int = 512
    cell: str = "lstm"
    layers: int = 1
    dropout: float = 0.3
    projection_size: int = 0

    def __post_init__(self):
        if self.projection_size < 0:
            raise SettingError(f"projection_size is {self.projection_size}; choose 0 for none, or a size such as 512.")
        for name in ("embedding_size", "hidden_size", "attention_size"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more, such as 512.")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout is {self.dropout}; choose a share from 0 up to 1.")


class Captioner(nn.Module):
    """An image encoder, a decoder, a vocabulary and a preprocessing that belong together.

    Args:
        encoder: the photo's side; its `image_size` is the preprocessing's.
        settings: of the decoder.
        about: scores, licence note and whatever else a model folder tells of itself.

    Raises:
        SettingError: the encoder and the preprocessing are for photos of different sizes.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        vocabulary: Vocabulary,
        preprocessing: Preprocessing,
        settings: DecoderSettings | None = None,
        *,
        about: dict | None = None,
    ):
        super().__init__()
        if encoder.image_size != preprocessing.size:
            raise SettingError(
                f"the encoder is for photos of {encoder.image_size} pixels, the preprocessing makes "
                f"{preprocessing.size}; choose one size for both."
            )
        self.settings = settings or DecoderSettings()
        self.encoder, self.vocabulary, self.preprocessing = encoder, vocabulary, preprocessing
        self.about = about or {}
        self.decoder = Decoder(
            vocabulary_size=len(vocabulary), feature_size=encoder.feature_size, **asdict(self.settings)
        )

    @property
    def device(self) -> torch.device:
        return self.decoder.bias.device

    def save(self, folder, *, dtype: torch.dtype | None = None) -> Path:
        """Write the model folder; `dtype` torch.float16 halves it."""
        config = {
            "encoder": self.encoder.config(),
            "preprocessing": asdict(self.preprocessing),
            "decoder": asdict(self.settings),
            "vocabulary": {"unit": self.vocabulary.unit, "tokens": self.vocabulary.tokens},
            "about": self.about,
        }
        return save_folder(folder, kind="captioner", config=config, tensors=self.state_dict(), dtype=dtype)

    @torch.no_grad()
    def encode(self, photos: Tensor) -> Tensor:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        with autocast(self.device):
            return self.encoder(photos.to(self.device)).float()

    @torch.inference_mode()
    def describe(self, features: Tensor, settings: SearchSettings | None = None) -> list[Caption]:
        """Features (B, L, D) -> one caption a photo, the other `settings.n` - 1 as its alternatives."""
        settings = settings or SearchSettings()
        looked: list[Tensor] = []  # (rows of that step, L)

        def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
            logits, state = self.decoder.step(tokens, state)
            looked.append(state.p.float().cpu())
            return logits, state

        banned = (PAD, START) if settings.unknown else (PAD, START, UNK)
        weights = self.decoder.bias.dtype
        with autocast(self.device, weights=weights):
            state = self.decoder.start(features.to(weights))
            found = search(step, state, start=START, end=END, banned=banned, settings=settings)
        captions = [[self._caption(h, looked) for h in hypotheses] for hypotheses in found]
        return [replace(best, alternatives=tuple(others)) for best, *others in captions]

    def _caption(self, found: Hypothesis, looked: list[Tensor]) -> Caption:
        p = [looked[t][row] for t, row in enumerate(found.rows)]
        attention = torch.stack(p) if p else torch.zeros(0, looked[0].shape[1])
        words = tuple(
            Word(self.vocabulary.tokens[token], math.exp(log_p))
            for token, log_p in zip(found.tokens, found.log_probs, strict=False)
        )
        return Caption(
            self.vocabulary.decode(found.tokens), words, found.log_prob, attention.unflatten(1, self.encoder.grid)
        )

    def forward(self, photo, settings: SearchSettings | None = None):
        """Caption a photo (whatever `encoders.images.open_photo` opens), or a list of them.

        Raises:
            PhotoError: a photo that cannot be opened. `stream` goes on past those.
        """
        if not isinstance(photo, (list, tuple)):
            pixels = self.preprocessing(open_photo(photo, smallest=self.preprocessing.size))
            return self.describe(self.encode(pixels.unsqueeze(0)), settings)[0]
        captions = [caption for _, caption in self.stream(photo, settings)]
        for caption in captions:
            if isinstance(caption, PhotoError):
                raise caption
        return captions

    def stream(
        self, photos: Iterable, settings: SearchSettings | None = None
    ) -> Iterator[tuple[object, Caption | PhotoError]]:
        """(photo, its caption, or why it could not be opened), in the order given, batch by batch."""
        return stream(photos, self.preprocessing, lambda batch: self.describe(self.encode(batch), settings))


def load(model=BUNDLED, *, device: torch.device | None = None, exact: bool = False) -> Captioner:
    """A captioner from its folder, or the bundled one; in evaluation mode, on the best device.

    Args:
        exact: keep all weights in float32, to train or save it. Else the decoder's are bfloat16 where that is fast: a
            step reads them all, and half the bytes take half the time.

    Raises:
        ModelError: the folder is missing, damaged, or holds something else.
    """
    folder = folder_of(model)
    config = read_config(folder, kind="captioner")
    try:
        with torch.device("meta"):  # the weights follow: no need to draw random ones first
            encoder = ImageEncoder(**config["encoder"])
            captioner = Captioner(
                encoder,
                Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"]),
                Preprocessing(**config["preprocessing"]),
                DecoderSettings(**config["decoder"]),
                about=config["about"],
            )
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, SettingError) else repr(error)
        raise ModelError(
            f"{shown(model_folder(folder) / CONFIG)} is incomplete or damaged ({reason}); copy the model folder again."
        ) from None
    load_weights(folder, captioner)
    return ready(captioner, captioner.decoder, device or best_device(), exact=exact)
