"""The answerer as people use it: look at a photo once, ask about it any number of times, one folder on disk."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing, open_photo
from encoders.linear import ready
from encoders.question import QuestionEncoder
from encoders.stream import stream
from encoders.text import Vocabulary
from runtime.bundled import BUNDLED_VQA, folder_of
from runtime.checkpoint import CONFIG, WEIGHTS, fill, model_folder, read_config, read_tensors, save_folder
from runtime.device import autocast, best_device
from runtime.errors import ModelError, PhotoError, SettingError, shown

from .answers import AnswerSet
from .head import Head, HeadSettings, Seen
from .look import Look
from .shared import encoder_fingerprint, shared_config, shared_tensors

BUNDLED = BUNDLED_VQA


class Answerer(nn.Module):
    """An image encoder, a question encoder, a head, and what belongs to them.

    Args:
        encoder: the photo's side; its `image_size` is the preprocessing's.
        vocabulary: the words of questions.
        answers: what can be answered.
        settings: of the question's side and the head.
        temperature: logits are divided by this before the softmax, so that probabilities are honest (Guo et al. 2017).
        threshold: an answer of a smaller probability is not sure.
        encoder_from: the name of the bundled model whose encoder this is: `save` then leaves it out.
        about: scores, licence note and whatever else a model folder tells of itself.

    Raises:
        SettingError: encoder and preprocessing are for photos of different sizes, or the temperature is not above 0.
    """

    def __init__(
        self,
        encoder: ImageEncoder,
        vocabulary: Vocabulary,
        answers: AnswerSet,
        preprocessing: Preprocessing,
        settings: HeadSettings | None = None,
        *,
        temperature: float = 1.0,
        threshold: float = 0.5,
        encoder_from: str | None = None,
        about: dict | None = None,
    ):
        super().__init__()
        if encoder.image_size != preprocessing.size:
            raise SettingError(
                f"the encoder is for photos of {encoder.image_size} pixels, the preprocessing makes "
                f"{preprocessing.size}; choose one size for both."
            )
        if not temperature > 0:
            raise SettingError(f"temperature is {temperature}; give a number above 0.")
        self.settings = s = settings or HeadSettings()
        self.encoder, self.vocabulary, self.answers, self.preprocessing = encoder, vocabulary, answers, preprocessing
        self.temperature, self.threshold = temperature, threshold
        self.encoder_from, self.about = encoder_from, about or {}
        self.question = QuestionEncoder(
            vocabulary_size=len(vocabulary),
            embedding_size=s.embedding_size,
            hidden_size=s.question_size,
            cell=s.cell,
            layers=s.layers,
            dropout=s.dropout,
        )
        self.head = Head(
            question_size=s.question_size,
            feature_size=encoder.feature_size,
            answers=len(answers),
            pooling=s.pooling,
            attention_size=s.attention_size,
            fusion=s.fusion,
            hidden_size=s.hidden_size,
            dropout=s.dropout,
            photo=s.photo,
        )

    @property
    def device(self) -> torch.device:
        return self.head.output.bias.device

    def save(self, folder, *, dtype: torch.dtype | None = None) -> Path:
        """Write the model folder; `dtype` torch.float16 halves it."""
        encoder, tensors = self.encoder.config(), self.state_dict()
        if self.encoder_from:
            encoder = {"from": self.encoder_from, "fingerprint": encoder_fingerprint(self.encoder)}
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("encoder.")}
        config = {
            "encoder": encoder,
            "preprocessing": asdict(self.preprocessing),
            "head": asdict(self.settings),
            "vocabulary": {"unit": self.vocabulary.unit, "tokens": self.vocabulary.tokens},
            "answers": self.answers.to_list(),
            "temperature": self.temperature,
            "threshold": self.threshold,
            "about": self.about,
        }
        return save_folder(folder, kind="vqa", config=config, tensors=tensors, dtype=dtype)

    @torch.no_grad()
    def encode(self, photos: Tensor) -> Tensor:
        """Normalised photos (B, 3, S, S) -> features (B, L, D)."""
        with autocast(self.device):
            return self.encoder(photos.to(self.device)).float()

    def logits(self, seen: Seen, tokens: Tensor, lengths: Tensor, blind: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score every answer to Q questions on each of P photos.

        Args:
            seen: of the P photos, from `head.look`.
            tokens: (P, Q, T), padded; lengths: (P, Q), 0 for a question that is not there.
            blind: bool (P, Q), true for a question that is asked without its photo; none unless given.

        Returns:
            logits (P, Q, N), and where each of G glimpses looked, (P, Q, G, L).
        """
        vectors = self._vectors(tokens.flatten(0, 1), lengths.flatten()).unflatten(0, lengths.shape)
        return self.head(vectors.to(self.head.output.weight.dtype), seen, blind)

    def _vectors(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Questions (N, T) -> (N, H). The same is asked about many photos: each different question is encoded once."""
        if len(lengths) == 1:
            return self.question(tokens, lengths)
        different, which = torch.cat((lengths.unsqueeze(1), tokens), dim=1).unique(dim=0, return_inverse=True)
        vectors = self.question(different[:, 1:], different[:, 0])
        return embedding(which, vectors)  # vectors[which], with a deterministic gradient

    def look(self, photo) -> Look:
        """Look at a photo (whatever `encoders.images.open_photo` opens), once for all questions about it.

        Raises:
            PhotoError: it cannot be opened.
        """
        pixels = self.preprocessing.pixels(open_photo(photo, smallest=self.preprocessing.size))
        return self.look_at(self.encode(self.preprocessing.normalise(pixels.unsqueeze(0))))

    def look_at(self, features: Tensor) -> Look:
        """Look at a photo that is encoded already: features (1, L, D), from an encoder that `sees_like` this one's.

        Raises:
            SettingError: features of another shape.
        """
        rows, cols = self.encoder.grid
        wanted = (1, rows * cols, self.encoder.feature_size)
        if features.shape != wanted:
            raise SettingError(
                f"these features have shape {tuple(features.shape)}, this model needs {wanted}; encode the photo with "
                "the model's own `encode`, or another's that `sees_like` it."
            )
        return Look(self, features)

    def sees_like(self, other) -> bool:
        """Whether another model (a captioner) encodes photos exactly as this one does, so that its features fit."""
        same_input = self.preprocessing == other.preprocessing and self.encoder.config() == other.encoder.config()
        if not same_input or self.encoder is other.encoder:
            return same_input
        mine, others = self.encoder.state_dict(), other.encoder.state_dict()
        return mine.keys() == others.keys() and all(torch.equal(mine[name], others[name]) for name in mine)

    def stream(self, photos: Iterable) -> Iterator[tuple[object, Look | PhotoError]]:
        """(photo, a look at it, or why it could not be opened), in the order given, encoded batch by batch."""
        return stream(photos, self.preprocessing, lambda batch: [self.look_at(f[None]) for f in self.encode(batch)])


def load(
    model=BUNDLED,
    *,
    encoder: ImageEncoder | None = None,
    device: torch.device | None = None,
    exact: bool = False,
) -> Answerer:
    """An answerer from its folder, or the bundled one; in evaluation mode, on the best device.

    Args:
        encoder: the bundled captioner's, where it is in memory already: a folder that shares it then reads no second
            copy. A folder with an encoder of its own does not need it.
        exact: keep all weights in float32, to train or save it. Else the question encoder's are bfloat16 where that is
            fast: each word reads them all, and half the bytes take half the time.

    Raises:
        ModelError: the folder is missing, damaged, holds something else, or shares an encoder that has changed.
    """
    folder = folder_of(model)
    config = read_config(folder, kind="vqa")
    try:
        shared, wanted = config["encoder"].get("from"), config["encoder"].get("fingerprint")
        with torch.device("meta"):  # the weights follow: no need to draw random ones first
            answerer = _built(config, encoder if shared else None)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, SettingError) else repr(error)
        raise ModelError(
            f"{shown(model_folder(folder) / CONFIG)} is incomplete or damaged ({reason}); copy the model folder again."
        ) from None
    path = model_folder(folder) / WEIGHTS
    tensors = read_tensors(path)
    if shared:
        weights = encoder.state_dict() if encoder else shared_tensors(shared)
        tensors |= {f"encoder.{name}": tensor for name, tensor in weights.items()}
    fill(answerer, tensors, shown(path))
    if shared and (found := encoder_fingerprint(answerer.encoder)) != wanted:
        raise ModelError(
            f"{shown(folder)} was trained on the encoder {wanted} of {shared}, and the one here is {found}; use it "
            "with the glimpse it came with, or train it again."
        )
    return ready(answerer, answerer.question, device or best_device(), exact=exact)


def _built(config: dict, encoder: ImageEncoder | None) -> Answerer:
    """The answerer that a folder's config describes, without its weights, around this encoder if one is given."""
    shared = config["encoder"].get("from")
    return Answerer(
        encoder or ImageEncoder(**(shared_config(shared) if shared else config["encoder"])),
        Vocabulary(tuple(config["vocabulary"]["tokens"]), config["vocabulary"]["unit"]),
        AnswerSet.from_list(config["answers"]),
        Preprocessing(**config["preprocessing"]),
        HeadSettings(**config["head"]),
        temperature=config["temperature"],
        threshold=config["threshold"],
        encoder_from=shared,
        about=config["about"],
    )
