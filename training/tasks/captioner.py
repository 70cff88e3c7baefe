"""Training a captioner, as a `Task` of the loop: on a frozen encoder's cached features, or end to end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from captioner.caption import Caption
from captioner.model import Captioner
from captioner.search_settings import SearchSettings
from runtime.errors import DataError
from training.caches.augment import progressive_size, random_views
from training.caches.photos import PhotoCache
from training.caches.views import ViewCache
from training.config.task import CaptionSettings
from training.loop.alarms import Alarm
from training.loop.fingerprint import digest
from training.loop.seed import generator
from training.loop.task import WHOLE_BATCH
from training.metrics.captions import distinct_share, score_tokens
from training.metrics.cider import CiderD
from training.metrics.evaluate import scores_by_set
from training.readers.records import CaptionRecord

from .alarms import caption_alarms, commonest_share, entropy, movement, photo_alarms
from .caption_batch import CaptionBatch, caption_tokens
from .caption_losses import LikelihoodLoss, SelfCriticalLoss
from .start import encoder_and_photos
from .weights import WeightedRows


class CaptionTask:
    """Training a captioner on records, validated by free-running captions of the `val` records.

    Call `prepare` first: it decodes the photos or computes their features, and finds those that cannot be opened.

    Args:
        weights: of each data set, as `WeightedRows` has them.
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
        self.source = self._open_cache(cache, precision)
        self.tokens = [[captioner.vocabulary.encode(c) for c in r.captions] for r in self.records]
        self.model = self._loss()
        self._index_rows()

    def _open_cache(self, cache: Path, precision: str) -> PhotoCache | ViewCache:
        s, captioner = self.settings, self.captioner
        paths, encoder = [r.image for r in self.records], captioner.network.encoder
        self.layers: nn.Module | None = encoder if s.finetune_encoder else None  # those that are trained
        if s.finetune_encoder and not s.views:
            return PhotoCache(paths, captioner.preprocessing, cache)
        if s.finetune_encoder:
            encoder, self.layers = encoder.split(s.trainable_layers)
        views = [s.views if r.split == "train" else 0 for r in self.records]
        return ViewCache(
            paths, encoder, captioner.preprocessing, cache, precision=precision, views=views, seed=self.seed,
            augment={"smallest": s.smallest_view, "mirror": s.mirror},
        )  # fmt: skip

    def _loss(self) -> nn.Module:
        s = self.settings
        trained = {"layers": self.layers, "trainable_layers": s.trainable_layers}
        if s.objective == "cider":
            photos = sum(r.split == "train" for r in self.records)
            return SelfCriticalLoss(
                self.captioner.network, references=self.tokens[:photos], samples=s.samples, **trained
            )
        return LikelihoodLoss(
            self.captioner.network,
            **trained,
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
        self._index_rows()

    def _index_rows(self) -> None:
        rows = {name: [i for i, r in enumerate(self.records) if r.split == name and i not in self.source.bad]
                for name in ("train", "val")}  # fmt: skip
        for name, found in rows.items():
            if not found:
                raise DataError(f"the data has no {name} photo that can be opened; check it with `training check`.")
        self.train_rows, self.val_rows = torch.tensor(rows["train"]), torch.tensor(rows["val"])
        self._order = WeightedRows({row: self.records[row].data_set for row in rows["train"]}, self.weights, self.seed)
        self.steps = -(-len(self._order(0)) // self.settings.batch)

    def batch(self, epoch: int, step: int, part: slice = WHOLE_BATCH) -> CaptionBatch:
        rows = self._order(epoch)[step * self.settings.batch :][: self.settings.batch]
        random = generator(self.seed, "captions", epoch, step)
        tokens, lengths, order = caption_tokens([self._sample_captions(row, random) for row in rows.tolist()])
        rows = rows[order]
        photos = self.source.view(rows[part], epoch) if self.settings.views else self.source[rows[part]]
        if self.settings.finetune_encoder and not self.settings.views:
            views = random_views(
                photos,
                self._view_size(epoch),
                generator(self.seed, "views", epoch, step),
                smallest=self.settings.smallest_view,
                mirror=self.settings.mirror,
                part=part,
                batch_size=len(rows),
            )
            photos = self.captioner.preprocessing.normalise(views)
        progress = (epoch + step / self.steps) / self.epochs
        whole = (len(rows), int((lengths > 0).sum()), int((lengths - 1).clamp(min=0).sum()))
        return CaptionBatch(photos.float(), tokens[part], lengths[part], rows[part], progress, *whole)

    def _sample_captions(self, row: int, random: torch.Generator) -> list[list[int]]:
        """The captions of a photo, as many as a step takes."""
        captions = self.tokens[row]
        if len(captions) <= self.settings.most_captions:
            return captions
        order = torch.randperm(len(captions), generator=random)[: self.settings.most_captions]
        return [captions[i] for i in order.tolist()]

    def _view_size(self, epoch: int) -> int:
        last, stride = self.captioner.preprocessing.size, self.captioner.network.encoder.stride
        return progressive_size(epoch, self.epochs, first=self.settings.start_size, last=last, stride=stride)

    def fingerprint(self) -> dict[str, Any]:
        network = self.captioner.network
        records = [(r.image.name, r.split, r.data_set, r.captions) for r in self.records]
        return {
            **asdict(self.settings),
            **asdict(network.settings),
            **encoder_and_photos(network.encoder, self.captioner.preprocessing, self.settings.finetune_encoder),
            "vocabulary": digest(self.captioner.vocabulary.tokens, "words"),
            "data": digest(records, "photos"),
            "weights": self.weights,
        }

    def lr_scale(self, name: str) -> float:
        return self.settings.encoder_rate if ".encoder." in name else 1.0

    def captions(self, rows: Tensor) -> list[Caption]:
        """Free-running captions of these photos."""
        captions = []
        for part in rows.split(64):
            photos = self.source[part]
            if self.settings.finetune_encoder and not self.settings.views:
                photos = self.captioner.preprocessing.normalise(photos)
            features = photos.float().to(self.captioner.network.device)
            if self.layers is not None:
                with torch.no_grad():
                    features = self.layers(features)
            captions += self.captioner.describe(features, SearchSettings(beam=self.settings.beam))
        return captions

    def validate(self) -> dict[str, float]:
        """Caption scores of the `val` photos. CIDEr decides; of several data sets, the mean of each one's CIDEr.

        The rest is for `alarms`:

        - `distinct`: the share of captions said only once or first; `commonest`: the share of the commonest caption;
        - `shuffled_cider`: CIDEr of the same captions when each goes to another photo, half the set further;
        - `attention_entropy`, `attention_movement`: how flat the attention is, and how far it moves from word to word.
        """
        captions = self.captions(self.val_rows)
        texts = [caption.text for caption in captions]
        records = [self.records[row] for row in self.val_rows.tolist()]
        self.samples = [{"image": str(record.image), "caption": caption}
                        for record, caption in zip(records, texts, strict=True)]  # fmt: skip
        scores, each = scores_by_set(records, texts)
        decides = sum(s["cider"] for s in each.values()) / len(each) if each else scores["cider"]
        named = {f"{name}/{score}": s[score] for name, s in each.items() for score in ("bleu_4", "cider")}
        return {"score": decides, **scores, **named, "distinct": distinct_share(texts),
                "commonest": commonest_share(texts), "shuffled_cider": self._shuffled_cider(texts),
                **_attention(captions)}  # fmt: skip

    def _shuffled_cider(self, texts: Sequence[str]) -> float:
        tokens = [score_tokens(caption).split() for caption in texts]
        shifted = tokens[len(tokens) // 2 :] + tokens[: len(tokens) // 2]
        return 10 * sum(self._cider(photo, caption) for photo, caption in enumerate(shifted)) / len(tokens)

    @cached_property
    def _cider(self) -> CiderD:
        """Against people's captions of the validation photos."""
        references = [self.records[row].captions for row in self.val_rows.tolist()]
        return CiderD([[score_tokens(caption).split() for caption in captions] for captions in references])

    def alarms(self, scores: dict[str, float] | None) -> list[Alarm]:
        if scores is None:
            return photo_alarms([record.image for record in self.records])
        return caption_alarms(scores, len(self.val_rows))

    def save(self, folder: Path, scores: dict) -> None:
        self.captioner.about["validation"] = scores
        self.captioner.save(folder)


def _attention(captions: Sequence[Caption]) -> dict[str, float | None]:
    """Means over all words; None where no caption has any."""
    maps = [torch.from_numpy(caption.attention).flatten(1) for caption in captions if len(caption.attention)]
    flat, moved = (torch.cat([f(p) for p in maps]).mean().item() if maps else None for f in (entropy, movement))
    return {"attention_entropy": flat, "attention_movement": moved}
