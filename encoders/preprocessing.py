"""From a PIL image to the numbers a network sees: made square, resized, normalised. For any engine."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from runtime.errors import SettingError

from .decoding import halve

FITS = ("squash", "crop", "pad")
INTERPOLATIONS = ("bilinear", "hamming", "bicubic")

_BARS = (124, 116, 104)  # the grey beside a padded photo: ImageNet's mean colour


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
        interpolation: how it is resized, `bilinear`, `hamming` or `bicubic` (Pillow's filters, antialiased).
        shrinking: the same in a direction in which it is larger than the square. Hamming's filter takes two thirds of
            bicubic's time, and captions of photos shrunk by it are no worse (docs/log.md).
        photo_side: the shorter side, in pixels, of the photos that the weights were trained on; 0: not known. More
            detail is new to them, so a larger photo is halved while it keeps as much.

    Raises:
        SettingError: a value that none of these can have.
    """

    size: int = 224
    fit: str = "squash"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    shrinking: str = "hamming"
    photo_side: int = 0

    def __post_init__(self):
        if self.fit not in FITS:
            raise SettingError(f"fit is {self.fit!r}; choose one of {', '.join(FITS)}.")
        for name in ("interpolation", "shrinking"):
            if getattr(self, name) not in INTERPOLATIONS:
                raise SettingError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(INTERPOLATIONS)}.")
        if not isinstance(self.size, int) or not 16 <= self.size <= 2048:
            raise SettingError(f"image size is {self.size!r}; choose 16 to 2048 pixels.")
        if not isinstance(self.photo_side, int) or self.photo_side < 0:
            raise SettingError(f"photo_side is {self.photo_side!r}; give the photos' shorter side in pixels, such as "
                               "480, or 0 where it is not known.")  # fmt: skip
        object.__setattr__(self, "mean", _per_channel("mean", self.mean, above=-math.inf))
        object.__setattr__(self, "std", _per_channel("std", self.std, above=0))

    @property
    def min_side(self) -> int:
        """Pixels that a photo's sides keep when it is opened: `photo_side`, or enough for the square to lose none."""
        return self.photo_side or self.size * 3 // 2

    def pixels(self, photo: Image.Image) -> np.ndarray:
        """A square of pixels: uint8 (3, S, S)."""
        photo = halve(photo, self.min_side)  # as a file is that `open_photo` has opened
        if self.fit == "squash":
            return self._resized(photo, self.size, self.size)
        if self.fit == "crop":
            return self._resized(photo.crop(self.box(*photo.size)), self.size, self.size)
        width, height = (max(1, round(self.size * side / max(photo.size))) for side in photo.size)
        left, top = (self.size - width) // 2, (self.size - height) // 2
        square = np.empty((3, self.size, self.size), dtype=np.uint8)
        square[:] = np.reshape(_BARS, (3, 1, 1))
        square[:, top : top + height, left : left + width] = self._resized(photo, width, height)
        return square

    def _resized(self, photo: Image.Image, width: int, height: int) -> np.ndarray:
        """uint8 (3, height, width)."""
        across, down = (
            Image.Resampling[(self.shrinking if side > wanted else self.interpolation).upper()]
            for side, wanted in zip(photo.size, (width, height), strict=True)
        )
        if across != down:
            photo = photo.resize((width, photo.height), across)
        resized = photo.resize((width, height), down)
        return np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of a photo of this size that the square shows: left, top, right, bottom in the photo's pixels.

        With `pad` it reaches beyond the photo.
        """
        if self.fit == "squash":
            return 0, 0, width, height
        side = min(width, height) if self.fit == "crop" else max(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def normalise(self, pixels):
        """uint8 (B, 3, S, S) of 0..255 -> float32 (B, 3, S, S), about zero mean and unit deviation.

        An array gives an array; training's tensors, on whatever device, give tensors.
        """
        mean, std = (np.array(x, dtype=np.float32).reshape(3, 1, 1) for x in (self.mean, self.std))
        scale, shift = 1 / (255 * std), mean / std
        if not isinstance(pixels, np.ndarray):
            scale, shift = (pixels[:0].float().new_tensor(x) for x in (scale, shift))
        values = pixels * scale
        values -= shift  # in place: a third of the time
        return values

    def __call__(self, photo: Image.Image) -> np.ndarray:
        """PIL photo -> float32 (3, S, S), ready for the network."""
        return self.normalise(self.pixels(photo)[None])[0]
