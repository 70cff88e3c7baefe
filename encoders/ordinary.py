"""Which files are built as cameras and programs build them, so that decoding one takes no longer than its size says.

A walk over the parts of a JPEG, PNG or WebP, some twenty as a rule. A file may ask for far more work than it has
bytes: a JPEG that refines its pixels in a thousand scans, a PNG of a million pieces. Whatever is out of the ordinary,
and every other format, is decoded in a process of its own (`encoders.decode_process`).
"""

from .formats import kind_of

MAX_BYTES = 32 << 20
MAX_PIXELS = 25_000_000  # a phone's usual photo has 12 or 24 million
MAX_SCANNED_PIXELS = 250_000_000  # pixels times scans of a JPEG: ten scans of a large photo, about a second
MAX_SEGMENTS = 256  # of a JPEG, before its pixels
MAX_TEXTS, MAX_CHUNKS = 64, 4096  # chunks of a PNG: beside its pixels, and in all

_START_OF_FRAME = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive: Huffman-coded, as all cameras write
_START_OF_SCAN = 0xDA


def is_ordinary(data: bytes) -> bool:
    """Whether a file is a JPEG, PNG or WebP of usual size and structure; it may still be damaged."""
    walk = {"JPEG": _is_ordinary_jpeg, "PNG": _is_ordinary_png, "WebP": _is_ordinary_webp}.get(kind_of(data))
    return walk is not None and len(data) <= MAX_BYTES and walk(data)


def _is_ordinary_jpeg(data: bytes) -> bool:
    at, pixels, components = 2, 0, 0
    for _ in range(MAX_SEGMENTS):
        if len(data) < at + 10 or data[at] != 0xFF:
            return False
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _START_OF_SCAN:
            # Of a baseline JPEG the first scan may be the only one, and the decoder reads no further.
            scans = 1 if components and data[at + 4] == components else data.count(b"\xff\xda", at)
            return 0 < pixels <= MAX_PIXELS and pixels * scans <= MAX_SCANNED_PIXELS
        if marker in _START_OF_FRAME:
            if pixels:
                return False
            height, width = (int.from_bytes(data[i : i + 2], "big") for i in (at + 5, at + 7))
            pixels, components = height * width, 0 if marker == 0xC2 else data[at + 9]
        at += 2 + length
    return False


def _is_ordinary_png(data: bytes) -> bool:
    at, texts = 8, 0
    for _ in range(MAX_CHUNKS):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name == b"IHDR" and at > 8:
            return False
        texts += name not in (b"IHDR", b"PLTE", b"IDAT", b"IEND")
        at += 12 + length
        if name == b"IEND" or at >= len(data):
            width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
            return texts <= MAX_TEXTS and width * height <= MAX_PIXELS
    return False


def _is_ordinary_webp(data: bytes) -> bool:
    """Its pixels are written once, and of an animation the first picture alone is decoded."""
    first, small = data[12:16], lambda at, bits: int.from_bytes(data[at : at + 3], "little") & ((1 << bits) - 1)
    if first == b"VP8X":
        width, height = small(24, 24) + 1, small(27, 24) + 1
    elif first == b"VP8L":
        width, height = small(21, 14) + 1, (int.from_bytes(data[21:25], "little") >> 14 & 0x3FFF) + 1
    elif first == b"VP8 ":
        width, height = small(26, 14), small(28, 14)
    else:
        return False
    return width * height <= MAX_PIXELS
