"""The optimiser of a run: which weights it moves, and by which rate and decay."""

import torch

from training.config.fit import FitSettings

from .task import Task


def make_optimiser(task: Task, settings: FitSettings) -> torch.optim.Optimizer:
    """AdamW, or SGD with Nesterov's momentum, on the weights of `task.model` that are trained.

    Each group's `scale` is by how much its learning rate is multiplied; biases and normalisations have no weight decay.
    """
    groups: dict[tuple, list] = {}
    for name, parameter in task.model.named_parameters():
        if parameter.requires_grad:
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((task.lr_scale(name), decay), []).append(parameter)
    listed = [{"params": p, "scale": scale, "weight_decay": decay} for (scale, decay), p in groups.items()]
    if settings.optimiser == "sgd":
        return torch.optim.SGD(listed, lr=settings.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(listed, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
