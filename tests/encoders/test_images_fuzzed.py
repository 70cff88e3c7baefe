"""`open_photo` on photos of every kind damaged at random: a photo, or a PhotoError in one sentence, in bounded time."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photo_bytes import png, saved
from PIL import Image

from encoders.formats import register_heif
from encoders.images import open_photo
from runtime.errors import PhotoError

SECONDS = 90  # for one photo, the machine being busy with other things
register_heif()  # to save some
PHOTO = Image.radial_gradient("L").resize((60, 40))
PHOTO = Image.merge("RGB", (PHOTO, PHOTO.rotate(180), PHOTO))
EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010F] = 6, "Maker"
ENCODED = {
    "jpeg": saved(PHOTO, "JPEG", exif=EXIF, icc_profile=bytes(300), comment=b"a comment"),
    "progressive jpeg": saved(PHOTO, "JPEG", progressive=True),
    "cmyk jpeg": saved(PHOTO.convert("CMYK"), "JPEG"),
    "two jpegs": saved(PHOTO, "MPO", save_all=True, append_images=[PHOTO]),
    "png": saved(PHOTO.convert("RGBA"), "PNG", exif=EXIF),
    "palette png": saved(PHOTO.quantize(16), "PNG", transparency=3),
    "16-bit png": png(2, 2, 16, 2, (b"\0" + bytes(range(12))) * 2, [(b"tEXt", b"a\0b"), (b"iCCP", b"icc\0\0x")]),
    "animated png": saved(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(90)]),
    "webp": saved(PHOTO, "WEBP", exif=EXIF),
    "lossless webp": saved(PHOTO.convert("RGBA"), "WEBP", lossless=True),
    "gif": saved(PHOTO, "GIF", save_all=True, append_images=[PHOTO.rotate(90)], comment=b"c"),
    "bmp": saved(PHOTO, "BMP"),
    "tiff": saved(PHOTO, "TIFF", exif=EXIF),
    "packed tiff": saved(PHOTO, "TIFF", compression="tiff_lzw"),
    "float tiff": saved(PHOTO.convert("F"), "TIFF"),
    "avif": saved(PHOTO, "AVIF"),
    "heic": saved(PHOTO, "HEIF"),
    "jpeg 2000": saved(PHOTO, "JPEG2000"),
    "ppm": saved(PHOTO, "PPM"),
}


@st.composite
def damaged(draw, kinds: list[str]) -> bytes:
    """A photo with a few of its bytes changed, pieces lost, doubled or moved, or with another's tail."""
    data = ENCODED[draw(st.sampled_from(kinds))]
    for _ in range(draw(st.integers(1, 4))):
        ends = st.integers(0, min(len(data), 400)) | st.integers(0, len(data))  # headers more often than pixels
        start, end = sorted((draw(ends), draw(ends)))
        middle = draw(st.sampled_from(["bytes", "number", "lost", "twice", "cut", "other"]))
        if middle == "bytes":
            put = draw(st.binary(min_size=1, max_size=8))
            data = data[:start] + put + data[start + len(put) :]
        elif middle == "number":
            put = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF])).to_bytes(1, "big") * draw(st.sampled_from([1, 2, 4]))
            data = data[:start] + put + data[start + len(put) :]
        elif middle == "lost":
            data = data[:start] + data[end:]
        elif middle == "twice":
            data = data[:end] + data[start:]
        elif middle == "cut":
            data = data[:end]
        else:
            data = data[:start] + ENCODED[draw(st.sampled_from(kinds))][start:]
    return data


def opens_or_says_why(data: bytes, min_side: int | None) -> None:
    began = time.monotonic()
    try:
        photo = open_photo(data, min_side=min_side)
    except PhotoError as error:
        assert str(error).isprintable() and str(error).endswith("."), error
    else:
        assert photo.mode == "RGB" and min(photo.size) > 0
        photo.resize((8, 8))  # its pixels are there
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("kind", ENCODED)
def test_the_photos_themselves(kind: str):
    assert open_photo(ENCODED[kind]).mode == "RGB"


ANY_SIZE = st.sampled_from([None, 16])


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged(sorted(ENCODED)), ANY_SIZE)
def test_damaged_photos(data: bytes, min_side: int | None):
    opens_or_says_why(data, min_side)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(ENCODED)), st.binary(max_size=200))
def test_a_photo_s_beginning_and_then_anything(kind: str, rest: bytes):
    for head in (4, 16, 40):
        opens_or_says_why(ENCODED[kind][:head] + rest, None)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENCODED)
def test_many_damaged_photos(kind: str):
    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged([kind, "png"]), ANY_SIZE)
    def run(data: bytes, min_side: int | None):
        opens_or_says_why(data, min_side)

    run()
