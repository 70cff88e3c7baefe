"""A fresh look at each photo every epoch: a random part of it, sometimes mirrored, lighter or darker.

The whole batch is warped at once by one affine map per photo, so this costs a few milliseconds a batch.
"""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def progressive_size(epoch: int, epochs: int, *, first: int, last: int, stride: int) -> int:
    """The side of the views in this epoch (from 0): from `first` to `last` in equal shares of the epochs.

    Small views are cheaper, and teach the same at first (progressive resizing). `first` 0 means `last` throughout.
    """
    sizes = [*range(first or last, last, stride), last]
    return sizes[min(epoch * len(sizes) // epochs, len(sizes) - 1)]


def random_views(
    pixels: Tensor,
    size: int,
    random: torch.Generator,
    *,
    smallest: float = 0.5,
    max_ratio: float = 4 / 3,
    jitter: float = 0.2,
    mirror: bool = True,
    part: slice = slice(None),
    batch_size: int | None = None,
) -> Tensor:
    """uint8 (B, 3, S, S) -> float (B, 3, size, size), still in 0..255.

    Args:
        smallest: the least part of a photo's area that a view shows (Inception's random resized crop).
        stretch: the most a view's width and height are changed against each other.
        light: the most that brightness and contrast change, as a share.
        mirror: swap left and right half of the time. Turn it off where captions say left and right.
        part, among: these photos are this part of a batch of so many, and seen as they would be in the whole.
    """
    batch = len(pixels)
    if not batch:
        return pixels.new_empty(0, 3, size, size).float()

    def uniform(low, high):
        return torch.empty(batch_size or batch).uniform_(low, high, generator=random)[part]

    side = uniform(smallest, 1).sqrt()
    ratio = torch.exp(uniform(-1, 1) * torch.log(torch.tensor(max_ratio)) / 2)
    width, height = (side * ratio).clamp(max=1), (side / ratio).clamp(max=1)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if mirror else torch.ones(batch)
    theta = torch.zeros(batch, 2, 3)  # from a view's coordinates (-1..1) to the photo's
    theta[:, 0, 0], theta[:, 0, 2] = width * flip, uniform(-1, 1) * (1 - width)
    theta[:, 1, 1], theta[:, 1, 2] = height, uniform(-1, 1) * (1 - height)

    grid = affine_grid(theta, [batch, 3, size, size], align_corners=False)
    views = grid_sample(pixels.float(), grid, padding_mode="border", align_corners=False)
    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    contrast, brightness = (1 + uniform(-jitter, jitter).view(-1, 1, 1, 1) for _ in range(2))
    return (((views - mean) * contrast + mean) * brightness).clamp(0, 255)
