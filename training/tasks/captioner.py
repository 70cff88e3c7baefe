"""Training a captioner, as a `Task` of the loop: on a frozen encoder's cached features, or end to end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from captioner.caption import Caption
from captioner.model import Captioner
from captioner.search import SearchSettings
from encoders.text import END, START, pad
from runtime.errors import DataError, SettingError
from training.caches.augment import growing_size, random_views
from training.caches.features import FeatureCache
from training.caches.photos import PhotoCache
from training.loop.alarms import Alarm
from training.loop.seed import generator
from training.loop.task import WHOLE
from training.metrics.captions import distinct_share, score_tokens
from training.metrics.cider import CiderD
from training.metrics.evaluate import scores_by_set
from training.readers.records import CaptionRecord

from .alarms import caption_alarms, commonest_share, entropy, movement, photo_alarms
from .caption_losses import CaptionBatch, LikelihoodLoss, SelfCriticalLoss


@dataclass(frozen=True)
class CaptionSettings:
    """How a captioner is trained.

    Attributes:
        objective: `likelihood` of people's captions, or `cider`: self-critical training of an already trained one.
        finetune_encoder: train the encoder too, on augmented photos; else it is frozen and its features are cached.
        encoder_rate: the encoder's learning rate, as a share of the decoder's.
        trainable_layers: how many of the encoder's last layers are trained (as torchvision's detectors count them);
            those before stay as they are, normalisation statistics too, which is faster. 0: all of them.
        batch: photos a step; each is encoded once for its captions.
        most_captions: of one photo in one step; of more, others are drawn every epoch.
        smoothing: label smoothing (Szegedy et al. 2016).
        look_everywhere: weight λ of the doubly-stochastic penalty mean (1 − Σ_t p)² (Xu et al. 2015).
        word_dropout: share of the given words that are replaced by <unk>.
        scheduled_sampling: share of the given words that the model draws itself, at the end of training; it grows
            linearly from 0 (Bengio et al. 2015).
        start_size: side of the augmented views at the start; it grows to the captioner's own. 0 means that throughout.
        smallest_view: the least part of a photo's area that an augmented view shows.
        mirror: mirror photos at random. Turn it off where captions say left and right.
        samples: captions found for each photo, with the `cider` objective.
        beam: width of the free-running search that validation uses.
    """

    objective: str = "likelihood"
    finetune_encoder: bool = False
    encoder_rate: float = 0.1
    trainable_layers: int = 0
    batch: int = 32
    most_captions: int = 8
    smoothing: float = 0.1
    look_everywhere: float = 0.0
    word_dropout: float = 0.0
    scheduled_sampling: float = 0.0
    start_size: int = 0
    smallest_view: float = 0.6
    mirror: bool = True
    samples: int = 5
    beam: int = 3

    def __post_init__(self):
        if self.objective not in ("likelihood", "cider"):
            raise SettingError(f"objective is {self.objective!r}; choose likelihood or cider.")
        if self.objective == "cider" and self.finetune_encoder:
            raise SettingError("the cider objective trains the decoder alone; leave out --finetune-encoder.")
        for name in ("batch", "most_captions", "beam"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more.")
        if self.trainable_layers < 0:
            raise SettingError(f"trainable_layers is {self.trainable_layers}; choose 0 for all, or a number of layers.")
        if self.samples < 2:
            raise SettingError(f"samples is {self.samples}; each caption is judged by the others, so find at least 2.")
        for name in ("smoothing", "word_dropout", "scheduled_sampling"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose a share from 0 up to 1.")
        if not 0 < self.smallest_view <= 1:
            raise SettingError(f"smallest_view is {self.smallest_view}; choose a share above 0, up to 1.")


def caption_tokens(captions: Sequence[Sequence[Sequence[int]]]) -> tuple[Tensor, Tensor, list[int]]:
    """Encoded captions of P photos -> tokens (P, Q, T), lengths (P, Q), and the order the photos were put in.

    Start and end are added. The longest caption comes first in each photo, the photo with the longest first of all:
    so the decoder can let go of the short ones early.
    """
    framed = [sorted(([START, *c, END] for c in photo), key=len, reverse=True) for photo in captions]
    order = sorted(range(len(framed)), key=lambda i: -len(framed[i][0]))
    most = max(map(len, framed))
    rows = [c for i in order for c in framed[i] + [[]] * (most - len(framed[i]))]
    tokens, lengths = pad(rows)
    return tokens.view(len(order), most, -1), lengths.view(len(order), most), order


class CaptionTask:
    """Training a captioner on records, validated by free-running captions of the `val` records.

    Call `prepare` first: it decodes the photos or computes their features, and finds those that cannot be opened.

    Args:
        weights: data set -> how often an epoch shows each of its training photos, 1 unless given; of 0.5, a random
            half of them, another one each epoch.
    """

    def __init__(
        self,
        captioner: Captioner,
        records: Sequence[CaptionRecord],
        settings: CaptionSettings,
        *,
        epochs: int,
        seed: int,
        cache: Path,
        precision: str = "auto",
        weights: Mapping[str, float] | None = None,
    ):
        self.weights = dict(weights or {})
        self.captioner, self.settings, self.epochs, self.seed = captioner, settings, epochs, seed
        self.records = [r for name in ("train", "val") for r in records if r.split == name]
        paths = [r.image for r in self.records]
        self.source = (
            PhotoCache(paths, captioner.preprocessing, cache)
            if settings.finetune_encoder
            else FeatureCache(paths, captioner.network.encoder, captioner.preprocessing, cache, precision=precision)
        )
        self.tokens = [[captioner.vocabulary.encode(c) for c in r.captions] for r in self.records]
        self.model = self._loss()
        self._sort_out()

    def _loss(self) -> nn.Module:
        s = self.settings
        if s.objective == "cider":
            trained = sum(r.split == "train" for r in self.records)
            return SelfCriticalLoss(self.captioner.network, references=self.tokens[:trained], samples=s.samples)
        return LikelihoodLoss(
            self.captioner.network,
            finetune_encoder=s.finetune_encoder,
            trainable_layers=s.trainable_layers,
            smoothing=s.smoothing,
            look_everywhere=s.look_everywhere,
            word_dropout=s.word_dropout,
            scheduled_sampling=s.scheduled_sampling,
        )

    def prepare(self) -> Iterator[tuple[int, int]]:
        """(photos done, photos in all), while they are decoded or encoded.

        Raises:
            DataError: nothing is left to train or to validate on.
        """
        for done in self.source.fill():
            yield done, len(self.source)
        self._sort_out()

    def _sort_out(self) -> None:
        rows = {name: [i for i, r in enumerate(self.records) if r.split == name and i not in self.source.bad]
                for name in ("train", "val")}  # fmt: skip
        for name, found in rows.items():
            if not found:
                raise DataError(f"the data has no {name} photo that can be opened; check it with `training check`.")
        self.train_rows, self.val_rows = torch.tensor(rows["train"]), torch.tensor(rows["val"])
        by_set: dict[str, list[int]] = {}
        for row in rows["train"]:
            by_set.setdefault(self.records[row].data_set, []).append(row)
        self._by_set = {name: torch.tensor(of_it) for name, of_it in by_set.items()}
        self.steps = -(-len(self._order(0)) // self.settings.batch)

    def _order(self, epoch: int) -> Tensor:
        """The rows of an epoch in random order: each training photo as often as its data set's weight says."""
        parts = []
        for name, rows in self._by_set.items():
            whole, rest = divmod(round(self.weights.get(name, 1.0) * len(rows)), len(rows))
            some = torch.randperm(len(rows), generator=generator(self.seed, "share", name, epoch))[:rest]
            parts += [rows] * whole + [rows[some]]
        rows = torch.cat(parts)
        return rows[torch.randperm(len(rows), generator=generator(self.seed, "order", epoch))]

    def batch(self, epoch: int, step: int, part: slice = WHOLE) -> CaptionBatch:
        rows = self._order(epoch)[step * self.settings.batch :][: self.settings.batch]
        random = generator(self.seed, "captions", epoch, step)
        tokens, lengths, order = caption_tokens([self._drawn(row, random) for row in rows.tolist()])
        rows = rows[order]
        photos = self.source[rows[part]]
        if self.settings.finetune_encoder:
            views = random_views(
                photos,
                self._view_size(epoch),
                generator(self.seed, "views", epoch, step),
                smallest=self.settings.smallest_view,
                mirror=self.settings.mirror,
                part=part,
                among=len(rows),
            )
            photos = self.captioner.preprocessing.normalise(views)
        progress = (epoch + step / self.steps) / self.epochs
        whole = (len(rows), int((lengths > 0).sum()), int((lengths - 1).clamp(min=0).sum()))
        return CaptionBatch(photos.float(), tokens[part], lengths[part], rows[part], progress, *whole)

    def _drawn(self, row: int, random: torch.Generator) -> list[list[int]]:
        """The captions of a photo, as many as a step takes."""
        captions = self.tokens[row]
        if len(captions) <= self.settings.most_captions:
            return captions
        order = torch.randperm(len(captions), generator=random)[: self.settings.most_captions]
        return [captions[i] for i in order.tolist()]

    def _view_size(self, epoch: int) -> int:
        last, stride = self.captioner.preprocessing.size, self.captioner.network.encoder.stride
        return growing_size(epoch, self.epochs, first=self.settings.start_size, last=last, stride=stride)

    def rate_scale(self, name: str) -> float:
        return self.settings.encoder_rate if ".encoder." in name else 1.0

    def captions(self, rows: Tensor) -> list[Caption]:
        """Free-running captions of these photos."""
        said = []
        for part in rows.split(64):
            photos = self.source[part]
            if self.settings.finetune_encoder:
                photos = self.captioner.encode(self.captioner.preprocessing.normalise(photos))
            features = photos.float().to(self.captioner.network.device)
            said += self.captioner.describe(features, SearchSettings(beam=self.settings.beam))
        return said

    def validate(self) -> dict[str, float]:
        """Caption scores of the `val` photos. CIDEr decides; of several data sets, the mean of each one's CIDEr.

        The rest is for `alarms`:

        - `distinct`: the share of captions said only once or first; `commonest`: the share of the commonest caption;
        - `shuffled_cider`: CIDEr of the same captions when each goes to another photo, half the set further;
        - `attention_entropy`, `attention_movement`: how flat the attention is, and how far it moves from word to word.
        """
        captions = self.captions(self.val_rows)
        said = [caption.text for caption in captions]
        records = [self.records[row] for row in self.val_rows.tolist()]
        self.said = [{"image": str(record.image), "caption": caption}
                     for record, caption in zip(records, said, strict=True)]  # fmt: skip
        scores, each = scores_by_set(records, said)
        decides = sum(s["cider"] for s in each.values()) / len(each) if each else scores["cider"]
        named = {f"{name}/{score}": s[score] for name, s in each.items() for score in ("bleu_4", "cider")}
        return {"score": decides, **scores, **named, "distinct": distinct_share(said),
                "commonest": commonest_share(said), "shuffled_cider": self._shuffled_cider(said),
                **_attention(captions)}  # fmt: skip

    def _shuffled_cider(self, said: Sequence[str]) -> float:
        tokens = [score_tokens(caption).split() for caption in said]
        shifted = tokens[len(tokens) // 2 :] + tokens[: len(tokens) // 2]
        return 10 * sum(self._cider(photo, caption) for photo, caption in enumerate(shifted)) / len(tokens)

    @cached_property
    def _cider(self) -> CiderD:
        """Against people's captions of the validation photos."""
        said = [self.records[row].captions for row in self.val_rows.tolist()]
        return CiderD([[score_tokens(caption).split() for caption in captions] for captions in said])

    def alarms(self, scores: dict[str, float] | None) -> list[Alarm]:
        if scores is None:
            return photo_alarms([record.image for record in self.records])
        return caption_alarms(scores, len(self.val_rows))

    def save(self, folder: Path, scores: dict) -> None:
        self.captioner.about["validation"] = scores
        self.captioner.save(folder)


def _attention(captions: Sequence[Caption]) -> dict[str, float | None]:
    """Means over all words; None where no caption has any."""
    maps = [caption.attention.flatten(1) for caption in captions if len(caption.attention)]
    flat, moved = (torch.cat([f(p) for p in maps]).mean().item() if maps else None for f in (entropy, movement))
    return {"attention_entropy": flat, "attention_movement": moved}
