"""From a photo on disk to a PIL image: opening it safely, turning it upright. `Preprocessing` makes an array of it.

Knows nothing of networks.
"""

import io
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

from PIL import Image

from runtime.errors import PhotoError, printable

from . import decode_process
from .decoding import check_size, decode, explain_decode_error, max_pixels, read_header, to_rgb, upright
from .formats import PHOTO_SUFFIXES, is_photo
from .ordinary import is_ordinary
from .preprocessing import FITS, Preprocessing

__all__ = ["FITS", "PHOTO_SUFFIXES", "Photo", "Preprocessing", "is_photo", "max_pixels", "open_photo"]

Photo: TypeAlias = str | os.PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image
MAX_FILE_BYTES = 512 << 20  # bytes: 60 megapixels in 16-bit RGBA, not compressed, and some more

# Pillow's warnings (of damaged metadata, of sizes that are checked below) are nothing a user can act on. Filtered here,
# once and for Pillow alone: filters belong to the whole process, so a thread must not change them for a while.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_photo(source: Photo, *, min_side: int | None = None) -> Image.Image:
    """Open a photo of any kind people have, upright and in RGB. Its kind is known by its content, not by its name.

    The size is checked from the header before any pixel is decoded. EXIF rotation is applied, transparency is laid
    on white, 16-bit is scaled to 8, and of an animation the first frame is taken. Threads may call this at once.

    A JPEG, PNG or WebP of usual size and structure is decoded here. Everything else is decoded in another process,
    within limits of time and memory, so that no file can stop or end this one.

    Args:
        source: a path, a file inside an archive (what has `read_bytes`), bytes, an open binary file, or a PIL image
            (which is decoded here, if it is not yet).
        min_side: halve the photo while both its sides keep so many pixels. A JPEG or JPEG 2000 is decoded so, which is
            several times faster.

    Raises:
        PhotoError: in one sentence, why this cannot be opened. SettingError: see `max_pixels`.
    """
    given = isinstance(source, Image.Image)
    named = isinstance(source, (str, os.PathLike)) or hasattr(source, "read_bytes")
    name = printable(source) if named else "the uploaded file"
    data, limit = b"" if given else _read(source, name), max_pixels()
    try:
        if given:
            check_size(source, limit)
            return to_rgb(upright(source))
        if is_ordinary(data):
            with suppress(ValueError):  # Pillow thinks a text too long: the other process allows more
                return decode(read_header(data, limit), min_side)
        return decode_process.pool.decode(data, limit, min_side)
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        raise PhotoError(f"{name} {explain_decode_error(data, error)}") from error


def _read(source, name: str) -> bytes:
    if isinstance(source, io.TextIOBase):
        raise PhotoError(f"{name} was opened as text; open it with mode 'rb'.")
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        elif hasattr(source, "read"):
            data = source.read(MAX_FILE_BYTES + 1)
        elif hasattr(source, "read_bytes") and not isinstance(source, os.PathLike):
            data = source.read_bytes()
        elif Path(source).is_dir():
            raise PhotoError(f"{name} is a folder, not a photo; give a photo of it.")
        else:
            with Path(source).open("rb") as file:
                size = os.fstat(file.fileno()).st_size or MAX_FILE_BYTES  # a device has none, and no end
                data = file.read(min(size, MAX_FILE_BYTES) + 1)
    except FileNotFoundError:
        if re.match(r"https?:/", name):
            name = re.sub(r"^(https?:/)(?=[^/])", r"\1/", name)  # a path has one of the slashes
            raise PhotoError(f"{name} is an address; download the photo, and give the file.") from None
        raise PhotoError(f"{name} does not exist; check the spelling of the path.") from None
    except TypeError:
        raise PhotoError(
            f"a photo cannot be of type {type(source).__name__}; give a path, bytes, an open binary file or a PIL "
            "image (Image.fromarray makes one of an array)."
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PhotoError(f"{name} cannot be read ({why}); check the path and your access to it.") from None
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes); copy or download it again.")
    if len(data) > MAX_FILE_BYTES:
        raise PhotoError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MB; save it as JPEG first.")
    return data
