"""From a photo on disk to a PIL image: opening it safely, turning it upright. `Preprocessing` makes an array of it.

Knows nothing of networks. Until here a picture is a PIL image; from here on it is an array.
"""

import io
import math
import os
import re
import warnings
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from PIL import Image, ImageOps

from runtime.errors import PhotoError, SettingError, shown

from .formats import DECODERS, PHOTO_SUFFIXES, is_photo, kind_of, register_heif, without_text
from .preprocessing import FITS, Preprocessing

__all__ = ["FITS", "PHOTO_SUFFIXES", "Photo", "Preprocessing", "is_photo", "max_pixels", "open_photo"]

Photo: TypeAlias = str | os.PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image
MAX_MEGAPIXELS = 60  # more than phones take as a rule, about 180 MB decoded
MAX_MEGAPIXELS_VARIABLE = "GLIMPSE_MAX_MEGAPIXELS"

# Pillow's warnings (of damaged metadata, of sizes that are checked below) are nothing a user can act on. Filtered here,
# once and for Pillow alone: filters belong to the whole process, so a thread must not change them for a while.
warnings.filterwarnings("ignore", module=r"PIL\.")


def max_pixels() -> int:
    """Pixels of the largest photo that is opened: of 60 megapixels, or as many as GLIMPSE_MAX_MEGAPIXELS says.

    Raises:
        SettingError: the variable is not a number above 0.
    """
    text = os.environ.get(MAX_MEGAPIXELS_VARIABLE, "").strip()
    try:
        megapixels = float(text or MAX_MEGAPIXELS)
    except ValueError:
        megapixels = math.nan
    if not 0 < megapixels < 1e6:
        raise SettingError(f"{MAX_MEGAPIXELS_VARIABLE} is {text!r}; give a number of megapixels, such as 60.")
    return int(megapixels * 1e6)


def open_photo(source: Photo, *, smallest: int | None = None) -> Image.Image:
    """Open a photo of any kind people have, upright and in RGB. Its kind is known by its content, not by its name.

    The size is checked from the header before any pixel is decoded. EXIF rotation is applied, transparency is laid
    on white, 16-bit is scaled to 8, and of an animation the first frame is taken. Threads may call this at once.

    Args:
        source: a path, a file inside an archive (what has `read_bytes`), bytes, an open binary file, or a PIL image.
        smallest: a side in pixels. A JPEG or JPEG 2000 much larger than that is decoded at 1/2, 1/4 or 1/8 of its
            size, which is several times faster and loses nothing when the photo is then shrunk to that side.

    Raises:
        PhotoError: in one sentence, why this cannot be opened. SettingError: see `max_pixels`.
    """
    given = isinstance(source, Image.Image)
    named = isinstance(source, (str, os.PathLike)) or hasattr(source, "read_bytes")
    name = shown(source) if named else "the uploaded file"
    data = b"" if given else _read(source, name)
    limit = max_pixels()
    try:
        if given:
            return _decoded(source, limit, None)
        try:
            return _decoded(_opened(data), limit, smallest)
        except ValueError:  # too much text for Pillow's taste
            if kind_of(data) != "PNG":
                raise
            return _decoded(_opened(without_text(data)), limit, smallest)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # ours, or Pillow's before ours
        size = re.search(r"\d[\d x]* pixels", str(error))
        raise PhotoError(
            f"{name} has {size[0] if size else 'too many pixels'}, more than the {limit / 1e6:g} megapixels that are "
            f"opened; make it smaller first, or set {MAX_MEGAPIXELS_VARIABLE}."
        ) from None
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        raise PhotoError(f"{name} {_why_unreadable(data, error)}") from error


def _opened(data: bytes) -> Image.Image:
    """The picture, its header read and no pixel decoded; by the decoder of its kind alone."""
    kind = kind_of(data)
    if kind == "HEIC":
        register_heif()
    if kind is not None and kind not in DECODERS:
        raise Image.UnidentifiedImageError(kind)
    return Image.open(io.BytesIO(data), formats=[DECODERS[kind]] if kind else _OTHERS)


_OTHERS = tuple(format for format in DECODERS.values() if format != "HEIF")  # where no signature fits: let Pillow look


def _decoded(image: Image.Image, limit: int, smallest: int | None) -> Image.Image:
    width, height = image.size
    if width * height > limit:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")
    if smallest:
        side = smallest * 3 // 2
        if image.format in ("JPEG", "MPO"):  # MPO: what many phones write as .jpg
            image.draft("RGB", (side, side))
        elif image.format == "JPEG2000":
            image.reduce = max(0, min(3, (min(image.size) // side).bit_length() - 1))  # halvings
    return _to_rgb(ImageOps.exif_transpose(image))


def _read(source, name: str) -> bytes:
    if isinstance(source, io.TextIOBase):
        raise PhotoError(f"{name} was opened as text; open it with mode 'rb'.")
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        elif hasattr(source, "read"):
            data = source.read()
        elif hasattr(source, "read_bytes") and not isinstance(source, os.PathLike):
            data = source.read_bytes()
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
    kind = kind_of(data)
    if kind is not None and kind not in DECODERS:
        return f"is a {kind} file, which is not supported; save it as JPEG or PNG first."
    if kind is None and isinstance(error, Image.UnidentifiedImageError):
        return f"is not a picture, whatever its name says; give a {', '.join(DECODERS)} file."
    unread = isinstance(error, Image.UnidentifiedImageError)
    if unread and kind == "TIFF":
        return "is a TIFF whose bands or numbers are not supported, or a damaged one; save it as JPEG or PNG first."
    reason = f"its {kind} header cannot be read" if unread else error or type(error).__name__
    return f"is damaged or cut short ({reason}); copy or download it again."


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
