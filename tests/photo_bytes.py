"""Photos as bytes, sound and hostile, for several tests."""

import struct
import zlib
from io import BytesIO

from PIL import Image


def saved(image: Image.Image, format: str, **how) -> bytes:
    with BytesIO() as file:
        image.save(file, format, **how)
        return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A piece of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, pixels: bytes = b"", more=()) -> bytes:
    """A PNG as its specification has it: Pillow writes no 16-bit colour, and no header without a picture."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    texts = b"".join(chunk(name, body) for name, body in more)
    data = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + texts + data + chunk(b"IEND", b"")


def jpeg_of_scans(scans: int, size: tuple[int, int]) -> bytes:
    """A sound progressive JPEG whose last refinement comes so many times more: each costs a pass over all pixels."""
    data = saved(Image.new("RGB", size, (90, 120, 40)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


def text_of(megabytes: int) -> tuple[bytes, bytes]:
    """A compressed text for a PNG, of so many megabytes of nothing; not closed, which shows only at its end."""
    packer = zlib.compressobj()
    first = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"zTXt", b"prompt\0\0" + first + again * (megabytes - 1)
