"""From a photo on disk to the numbers a network sees: opening it safely, turning it upright, resizing, normalising.

Knows nothing of networks. Until here a picture is a PIL image; from here on it is a tensor.
"""

import io
import math
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

from runtime.errors import PhotoError, SettingError, shown

MAX_PIXELS = 100_000_000  # 100 megapixels: more than any phone takes, about 300 MB decoded
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
FITS = ("squash", "crop", "pad")
INTERPOLATIONS = ("bilinear", "bicubic")

# What is decoded. Left out on purpose: EPS, which Pillow would hand to Ghostscript, a program of its own.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_BARS = (124, 116, 104)  # the grey beside a padded photo: ImageNet's mean colour

_UNSUPPORTED = {  # what people try that Pillow cannot read, known by its first bytes
    b"ftypheic": "HEIC", b"ftypheix": "HEIC", b"ftypmif1": "HEIC", b"ftyphevc": "HEIC", b"<svg": "SVG", b"%PDF": "PDF",
}  # fmt: skip


def open_photo(source, *, smallest: int | None = None) -> Image.Image:
    """Open a photo of any kind people have, upright and in RGB.

    The size is checked from the header before any pixel is decoded. EXIF rotation is applied, transparency is laid
    on white, 16-bit is scaled to 8, and of an animation the first frame is taken.

    Args:
        source: a path, bytes, an open binary file, or a PIL image.
        smallest: a side in pixels. A JPEG much larger than that is decoded at 1/2, 1/4 or 1/8 of its size, which
            is several times faster and loses nothing when the photo is then shrunk to that side.

    Raises:
        PhotoError: in one sentence, why this cannot be opened.
    """
    given = isinstance(source, Image.Image)
    name = shown(source) if isinstance(source, (str, os.PathLike)) else "the uploaded file"
    data = b"" if given else _read(source, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning: the check below is stricter
            image = source if given else Image.open(io.BytesIO(data), formats=_FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise Image.DecompressionBombError(f"{width} x {height} pixels")
            if smallest and not given and image.format in ("JPEG", "MPO"):  # MPO: what many phones write as .jpg
                image.draft("RGB", (smallest * 3 // 2, smallest * 3 // 2))
            return _to_rgb(ImageOps.exif_transpose(image))
    except Image.DecompressionBombError as error:  # ours, or Pillow's, which comes first for the largest
        size = re.search(r"\d[\d x]* pixels", str(error))
        raise PhotoError(
            f"{name} has {size[0] if size else 'too many pixels'}, more than the {MAX_PIXELS // 10**6} megapixels "
            "that are opened; make it smaller first."
        ) from None
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        raise PhotoError(f"{name} {_why_unreadable(data, error)}") from error


def _read(source, name: str) -> bytes:
    if isinstance(source, io.TextIOBase):
        raise PhotoError(f"{name} was opened as text; open it with mode 'rb'.")
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        elif hasattr(source, "read"):
            data = source.read()
        elif Path(source).is_dir():
            raise PhotoError(f"{name} is a folder, not a photo; name the photos in it.")
        else:
            data = Path(source).read_bytes()
    except FileNotFoundError:
        raise PhotoError(f"{name} does not exist; check the spelling of the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"{name} cannot be read ({reason}); check the path and your access to it.") from None
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes); copy or download it again.")
    return data


def _why_unreadable(data: bytes, error: Exception) -> str:
    head = data[:1024].lower()
    for mark, kind in _UNSUPPORTED.items():
        if mark.lower() in head:
            return f"is a {kind} file, which is not supported; save it as JPEG or PNG first."
    if isinstance(error, Image.UnidentifiedImageError):
        return "is not a picture, whatever its name says; give a JPEG, PNG, WebP, GIF, BMP or TIFF file."
    return f"is damaged or cut short ({error or type(error).__name__}); copy or download it again."


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32)).clip(0)
        top = values.max(initial=0)  # 16 bits unless the file itself stays within 8; floats may be shares of white
        white = 1 if image.mode == "F" and top <= 1 else 255 if top <= 255 else 65535
        image = Image.fromarray((values * (255 / white)).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


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
