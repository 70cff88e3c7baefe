"""Gradient-norm clipping, as the lecture writes it."""

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_gradient_norm(parameters: Iterable[Tensor], threshold: float) -> Tensor:
    """If ‖g‖ > threshold: g ← (threshold / ‖g‖) g, with g all gradients as one vector. (Pascanu et al. 2013)

    Returns:
        ‖g‖ as it was.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients]))
    if norm > threshold:
        for g in gradients:
            g *= threshold / norm
    return norm
