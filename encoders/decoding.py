"""From a file's bytes to upright pixels in RGB, and the sentence that says why not.

Needs Pillow, and NumPy where a photo has more than 8 bits: a process that does nothing but this starts in a tenth of a
second.
"""

import io
import math
import os

from PIL import ExifTags, Image

from runtime.errors import SettingError, printable

from .formats import DECODERS, NO_PICTURES, kind_of, register_heif

MAX_MEGAPIXELS = 60  # more than phones take as a rule, about 240 MB decoded
MAX_MEGAPIXELS_VARIABLE = "GLIMPSE_MAX_MEGAPIXELS"

_TURNS = {  # EXIF's orientation -> what makes a picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_OTHERS = tuple(format for format in DECODERS.values() if format != "HEIF")  # where no signature fits: let Pillow look


class DecodeError(Exception):
    """Bytes that no photo can be made of; says why, as a sentence that goes on from the file's name."""


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


def read_header(data: bytes, limit: int) -> Image.Image:
    """The picture with no pixel decoded yet, by the decoder of its kind alone.

    Raises:
        DecodeError: it has more pixels than the limit. Others: whatever Pillow raises on a damaged file.
    """
    kind = kind_of(data)
    if kind == "HEIC":
        register_heif()
    if kind is not None and kind not in DECODERS:
        raise Image.UnidentifiedImageError(kind)
    image = Image.open(io.BytesIO(data), formats=[DECODERS[kind]] if kind else _OTHERS)
    check_size(image, limit)
    return image


def check_size(image: Image.Image, limit: int) -> None:
    """Raises DecodeError where a picture has more pixels than the limit."""
    width, height = image.size
    if width * height > limit:
        raise DecodeError(
            f"has {width} x {height} pixels, more than the {limit / 1e6:g} megapixels that are opened; make it smaller "
            f"first, or set {MAX_MEGAPIXELS_VARIABLE}."
        )


def decode(image: Image.Image, min_side: int | None) -> Image.Image:
    """Decode a picture that `read_header` gave: upright, in RGB, and halved while both sides keep `min_side` pixels."""
    if min_side and image.format in ("JPEG", "MPO"):  # MPO: what many phones write as .jpg
        image.draft("RGB", (min_side, min_side))
    elif min_side and image.format == "JPEG2000":
        image.reduce = min(3, _halvings(image.size, min_side))
    image = to_rgb(upright(image))
    return halve(image, min_side) if min_side else image


def halve(image: Image.Image, min_side: int) -> Image.Image:
    """A picture halved as often as both its sides stay at least so long."""
    halvings = _halvings(image.size, min_side)
    return image.reduce(2**halvings) if halvings else image


def _halvings(size: tuple[int, int], min_side: int) -> int:
    return max(0, (min(size) // min_side).bit_length() - 1)


def upright(image: Image.Image) -> Image.Image:
    """A picture turned as its EXIF says; where that cannot be read, the picture is sound all the same."""
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # Pillow raises almost anything on damaged EXIF
        return image
    if turn is None:
        return image
    turned = image.transpose(turn)
    for name in ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"):  # or who saves it turns it once more
        turned.info.pop(name, None)
    return turned


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode in RGB: transparency laid on white, 16 bit and floats scaled to 8 bit."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _to_8_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    import numpy as np

    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False).clip(0, out=values)  # in place: there may be a hundred million
    top = values.max(initial=0)  # 16 bits unless the file itself stays within 8; floats may be shares of white
    white = 1 if image.mode == "F" and top <= 1 else 255 if top <= 255 else 65535
    values *= 255 / white
    return Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8))


def explain_decode_error(data: bytes, error: Exception) -> str:
    """Why these bytes could not be decoded, as a sentence that goes on from the file's name."""
    if isinstance(error, DecodeError):
        return str(error)
    kind = kind_of(data)
    if kind in NO_PICTURES:
        return f"is {NO_PICTURES[kind]}, and no picture; download the photo itself."
    if kind is not None and kind not in DECODERS:
        return f"is a {kind} file, which is not supported; save it as JPEG or PNG first."
    if isinstance(error, MemoryError):
        return "takes too much memory to decode; make it smaller first, or save it as JPEG."
    unread = isinstance(error, Image.UnidentifiedImageError)
    if kind is None and unread:
        return f"is not a picture of a known kind, whatever its name says; give a {', '.join(DECODERS)} file."
    if unread and kind == "TIFF":
        return "is a TIFF whose bands or numbers are not supported, or a damaged one; save it as JPEG or PNG first."
    what = f"its {kind} header cannot be read" if unread else printable(str(error) or type(error).__name__)
    return f"is damaged or cut short ({what}); copy or download it again."
