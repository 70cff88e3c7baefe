"""A task small enough to look through, for tests of the training loop."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.loop.seed import generator
from training.loop.task import WHOLE_BATCH

QUICK = {"epochs": 3, "precision": "32", "learning_rate": 0.05}


@dataclass
class Batch:
    x: Tensor
    y: Tensor

    def __len__(self):
        return len(self.y)


class Regression(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 1))

    def forward(self, batch):
        return ((self.layers(batch.x) - batch.y) ** 2).sum() / 8


class Line:
    """A task small enough to look through: fit a line, with dropout and batch normalisation in the way."""

    steps = 5

    def __init__(self, scores=None, spoil=None):
        torch.manual_seed(0)
        self.model, self.scores, self.spoil, self.saved = Regression(), scores, spoil, []

    def batch(self, epoch, step, part=WHOLE_BATCH):
        x = torch.randn(8, 4, generator=generator(1, epoch, step))
        y = x.sum(1, keepdim=True) * (float("nan") if (epoch, step) == self.spoil else 1)
        return Batch(x[part], y[part])

    def fingerprint(self):
        return {}

    def lr_scale(self, name):
        return 0.1 if name.startswith("layers.0") else 1.0

    def validate(self):
        assert not self.model.training
        return {"score": self.scores.pop(0) if self.scores else 0.0}

    def alarms(self, scores):
        return []

    def save(self, folder, scores):
        self.saved.append((folder.name, scores["score"]))
        self.shared = weights(self)  # what the last model folder has


def weights(task):
    return torch.cat([t.flatten().double() for t in task.model.state_dict().values()])
