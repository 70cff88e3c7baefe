"""From a photo on disk to the numbers a network sees: opening it safely, turning it upright, resizing, normalising.

Knows nothing of networks. Until here a picture is a PIL image; from here on it is a tensor.
"""

import io
import math
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

from runtime.errors import PhotoError, SettingError, shown

from . import decode_process
from .decoding import check_size, decode, max_pixels, read_header, reason, to_rgb
from .formats import PHOTO_SUFFIXES, is_photo
from .ordinary import is_ordinary

__all__ = ["PHOTO_SUFFIXES", "Photo", "Preprocessing", "is_photo", "max_pixels", "open_photo"]

Photo: TypeAlias = str | os.PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image
LARGEST_FILE = 512 << 20  # bytes: 60 megapixels in 16-bit RGBA, not compressed, and some more
FITS = ("squash", "crop", "pad")
INTERPOLATIONS = ("bilinear", "bicubic")

_BARS = (124, 116, 104)  # the grey beside a padded photo: ImageNet's mean colour

# Pillow's warnings (of damaged metadata, of sizes that are checked below) are nothing a user can act on. Filtered here,
# once and for Pillow alone: filters belong to the whole process, so a thread must not change them for a while.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_photo(source: Photo, *, smallest: int | None = None) -> Image.Image:
    """Open a photo of any kind people have, upright and in RGB. Its kind is known by its content, not by its name.

    The size is checked from the header before any pixel is decoded. EXIF rotation is applied, transparency is laid
    on white, 16-bit is scaled to 8, and of an animation the first frame is taken. Threads may call this at once.

    A JPEG, PNG or WebP of usual size and structure is decoded here. Everything else is decoded in another process,
    within limits of time and memory, so that no file can stop or end this one.

    Args:
        source: a path, bytes, an open binary file, or a PIL image (which is decoded here, if it is not yet).
        smallest: a side in pixels. A photo much larger than that is halved while it stays at least one and a half times
            as large: it loses nothing when it is then shrunk to that side. A JPEG or JPEG 2000 is decoded so, which is
            several times faster.

    Raises:
        PhotoError: in one sentence, why this cannot be opened. SettingError: see `max_pixels`.
    """
    given = isinstance(source, Image.Image)
    name = shown(source) if isinstance(source, (str, os.PathLike)) else "the uploaded file"
    data, limit = b"" if given else _read(source, name), max_pixels()
    try:
        if given:
            check_size(source, limit)
            return to_rgb(ImageOps.exif_transpose(source))
        if is_ordinary(data):
            with suppress(ValueError):  # Pillow thinks a text too long: the other process allows more
                return decode(read_header(data, limit), smallest)
        return decode_process.pool.decode(data, limit, smallest)
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        raise PhotoError(f"{name} {reason(data, error)}") from error


def _read(source, name: str) -> bytes:
    if isinstance(source, io.TextIOBase):
        raise PhotoError(f"{name} was opened as text; open it with mode 'rb'.")
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        elif hasattr(source, "read"):
            data = source.read(LARGEST_FILE + 1)
        elif Path(source).is_dir():
            raise PhotoError(f"{name} is a folder, not a photo; name the photos in it.")
        else:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST_FILE + 1)  # of a device, which has no end, no more than that
    except FileNotFoundError:
        raise PhotoError(f"{name} does not exist; check the spelling of the path.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PhotoError(f"{name} cannot be read ({why}); check the path and your access to it.") from None
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes); copy or download it again.")
    if len(data) > LARGEST_FILE:
        raise PhotoError(f"{name} is larger than {LARGEST_FILE >> 20} MB; save it as JPEG first.")
    return data


def _resized(photo: Image.Image, width: int, height: int, interpolation: str) -> Tensor:
    """uint8 (3, height, width), as Pillow's resize with `reducing_gap` 2 gives it, but sooner."""
    gaps = [max(1, int(side / wanted / 2)) for side, wanted in zip(photo.size, (width, height), strict=True)]
    pixels = np.array(photo.reduce(tuple(gaps)) if max(gaps) > 1 else photo)
    batch = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0)
    return interpolate(batch, (height, width), mode=interpolation, antialias=True)[0]


def _per_channel(name: str, given, *, above: float) -> tuple[float, ...]:
    try:
        numbers = tuple(float(number) for number in given)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3 or not all(above < number < math.inf for number in numbers):
        least = "" if above == -math.inf else f" above {above}"
        raise SettingError(f"{name} is {given!r}; give three numbers{least}, for red, green and blue.")
    return numbers


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes a network's input. Saved with every model, because the weights only fit these numbers.

    Attributes:
        size: side of the square, in pixels.
        fit: how a photo becomes square: `squash` (stretch), `crop` (the middle) or `pad` (grey bars).
        mean, std: per channel (red, green, blue), of values in 0..1. The defaults are ImageNet's.
        interpolation: how it is resized, `bilinear` or `bicubic`; antialiased either way.

    Raises:
        SettingError: a value that none of these can have.
    """

    size: int = 224
    fit: str = "squash"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"

    def __post_init__(self):
        if self.fit not in FITS:
            raise SettingError(f"fit is {self.fit!r}; choose one of {', '.join(FITS)}.")
        if self.interpolation not in INTERPOLATIONS:
            raise SettingError(f"interpolation is {self.interpolation!r}; choose {' or '.join(INTERPOLATIONS)}.")
        if not isinstance(self.size, int) or not 16 <= self.size <= 2048:
            raise SettingError(f"image size is {self.size!r}; choose 16 to 2048 pixels.")
        object.__setattr__(self, "mean", _per_channel("mean", self.mean, above=-math.inf))
        object.__setattr__(self, "std", _per_channel("std", self.std, above=0))

    def pixels(self, photo: Image.Image) -> Tensor:
        """A square of pixels: uint8 (3, S, S)."""
        if self.fit == "squash":
            return _resized(photo, self.size, self.size, self.interpolation)
        if self.fit == "crop":
            return _resized(photo.crop(self.box(*photo.size)), self.size, self.size, self.interpolation)
        width, height = (max(1, round(self.size * side / max(photo.size))) for side in photo.size)
        left, top = (self.size - width) // 2, (self.size - height) // 2
        square = torch.tensor(_BARS, dtype=torch.uint8).view(3, 1, 1).repeat(1, self.size, self.size)
        square[:, top : top + height, left : left + width] = _resized(photo, width, height, self.interpolation)
        return square

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of a photo of this size that the square shows: left, top, right, bottom in the photo's pixels.

        With `pad` it reaches beyond the photo.
        """
        if self.fit == "squash":
            return 0, 0, width, height
        side = min(width, height) if self.fit == "crop" else max(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def normalise(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) of 0..255 -> float (B, 3, S, S), about zero mean and unit deviation."""
        mean, std = (255 * torch.tensor(x, device=pixels.device).view(3, 1, 1) for x in (self.mean, self.std))
        # Channels innermost in memory, as convolutions want them: bytes are the cheapest to rearrange.
        return (pixels.contiguous(memory_format=torch.channels_last) - mean).div_(std)

    def __call__(self, photo: Image.Image) -> Tensor:
        """PIL photo -> float (3, S, S), ready for the network."""
        return self.normalise(self.pixels(photo).unsqueeze(0))[0]
