"""Supervised pretraining of an image encoder on a folder of class folders: how the bundled encoder is made."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.photo_files import photos_under
from runtime.checkpoint import save_folder
from runtime.device import autocast
from runtime.errors import DataError, SettingError, printable
from training.caches.augment import progressive_size, random_views
from training.caches.photos import PhotoCache
from training.config.task import EncoderSettings
from training.loop.alarms import Alarm
from training.loop.fingerprint import digest
from training.loop.seed import generator
from training.loop.task import WHOLE_BATCH

from .alarms import photo_alarms


def class_folders(root: Path) -> tuple[list[Path], list[int], list[str]]:
    """Photos, their class numbers, and the class names of a folder with one folder a class (photos at any depth).

    Raises:
        DataError: fewer than two class folders with photos in them.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{printable(root)} is not a folder; give one that holds a folder of photos for each class.")
    paths, labels, names = [], [], []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        inside = sorted(photos_under(folder))
        if inside:
            labels += [len(names)] * len(inside)
            names.append(folder.name)
            paths += inside
    if len(names) < 2:
        raise DataError(f"{printable(root)} has {len(names)} class folders with photos; give at least two.")
    return paths, labels, names


class Classifier(nn.Module):
    """An encoder, mean pooling and one linear layer.

    `forward(batch)` is the label-smoothed cross-entropy; of a part of a batch, what it adds to the whole one's.
    """

    def __init__(self, encoder: ImageEncoder, classes: int, smoothing: float):
        super().__init__()
        self.encoder, self.smoothing = encoder, smoothing
        self.head = nn.Linear(encoder.feature_size, classes)

    def logits(self, photos: Tensor) -> Tensor:
        return self.head(self.encoder(photos).mean(dim=1))  # (B, L, D) -> (B, classes)

    def forward(self, batch: "ClassBatch") -> Tensor:
        loss = cross_entropy(self.logits(batch.photos), batch.labels, label_smoothing=self.smoothing, reduction="sum")
        return loss / batch.whole


@dataclass  # Fabric rebuilds a batch when it converts or moves it, so it cannot be frozen
class ClassBatch:
    photos: Tensor  # (B, 3, S, S) normalised
    labels: Tensor  # (B,)
    whole: int  # photos of the whole batch that this is a part of

    def __len__(self) -> int:
        return len(self.labels)


class EncoderTask:
    """Pretraining as a `Task` of the loop."""

    def __init__(self, data: Path, settings: EncoderSettings, *, epochs: int, seed: int, cache: Path):
        self.settings, self.epochs, self.seed = settings, epochs, seed
        self.preprocessing = Preprocessing(size=settings.image_size, fit=settings.fit)
        paths, labels, self.classes = class_folders(data)
        self.photos = PhotoCache(paths, self.preprocessing, cache)
        self.labels = torch.tensor(labels)
        shuffled = torch.randperm(len(paths), generator=generator(seed, "hold out"))
        held = max(1, round(len(paths) * settings.hold_out))
        self.held, self.rows = shuffled[:held].sort().values, shuffled[held:].sort().values
        self.steps = len(self.rows) // settings.batch
        if self.steps == 0:
            raise SettingError(
                f"a batch of {settings.batch} is more than the {len(self.rows)} photos; make it smaller."
            )
        torch.manual_seed(seed)
        encoder = ImageEncoder(settings.encoder, stride=settings.stride, image_size=settings.image_size)
        self.model = Classifier(encoder, len(self.classes), settings.smoothing)

    def batch(self, epoch: int, step: int, part: slice = WHOLE_BATCH) -> ClassBatch:
        s = self.settings
        order = torch.randperm(len(self.rows), generator=generator(self.seed, "order", epoch))
        rows = self.rows[order[step * s.batch :][: s.batch]]
        views = random_views(
            self.photos[rows[part]],
            progressive_size(epoch, self.epochs, first=s.start_size, last=s.image_size, stride=s.stride),
            generator(self.seed, "views", epoch, step),
            smallest=s.smallest_view,
            part=part,
            batch_size=len(rows),
        )
        return ClassBatch(self.preprocessing.normalise(views), self.labels[rows[part]], len(rows))

    def fingerprint(self) -> dict[str, Any]:
        photos = [(path.name, label) for path, label in zip(self.photos.paths, self.labels.tolist(), strict=True)]
        return asdict(self.settings) | {"classes": digest(self.classes, "classes"), "data": digest(photos, "photos")}

    def lr_scale(self, name: str) -> float:
        return 1.0

    def validate(self) -> dict[str, float]:
        """Top-1 and top-5 accuracy on the held-out photos, unaugmented, on the 0-100 scale."""
        first = five = 0
        device = self.model.head.bias.device
        for rows in self.held.split(256):
            with autocast(device):
                logits = self.model.logits(self.preprocessing.normalise(self.photos[rows].to(device))).cpu()
            ranked = logits.topk(min(5, len(self.classes))).indices == self.labels[rows, None]
            first, five = first + ranked[:, 0].sum().item(), five + ranked.sum().item()
        top1, top5 = 100 * first / len(self.held), 100 * five / len(self.held)
        return {"score": top1, "top_1": top1, "top_5": top5}

    def alarms(self, scores: dict[str, float] | None) -> list[Alarm]:
        return photo_alarms(self.photos.paths) if scores is None else []

    def save(self, folder: Path, scores: dict) -> None:
        config = {
            "encoder": self.model.encoder.config(),
            "preprocessing": asdict(self.preprocessing),
            "classes": self.classes,
            "scores": scores,
        }
        save_folder(folder, kind="encoder", config=config, tensors=self.model.state_dict())
