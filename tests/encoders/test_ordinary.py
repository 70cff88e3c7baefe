"""Usual photos are known as such at a look; whatever could ask for more work than its size says is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_bytes import chunk, jpeg_of_scans, png, saved
from PIL import Image

from encoders import ordinary
from encoders.ordinary import is_ordinary

PHOTO = Image.effect_noise((320, 200), 40).convert("RGB")
EXIF = Image.Exif()
EXIF[0x010F] = "Maker" * 1000
USUAL = {
    "jpeg": saved(PHOTO, "JPEG", exif=EXIF, icc_profile=bytes(100_000), comment=b"a comment"),
    "progressive": saved(PHOTO, "JPEG", progressive=True),
    "cmyk": saved(PHOTO.convert("CMYK"), "JPEG"),
    "grey": saved(PHOTO.convert("L"), "JPEG", optimize=True),
    "one component a scan": saved(PHOTO, "JPEG", progressive=True, subsampling=0),
    "a phone's two pictures": saved(PHOTO, "MPO", save_all=True, append_images=[PHOTO]),
    "png": saved(PHOTO, "PNG", icc_profile=bytes(3000), dpi=(72, 72)),
    "webp": saved(PHOTO, "WEBP"),
    "lossless webp": saved(PHOTO, "WEBP", lossless=True),
    "webp of several frames": saved(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(180)]),
}
JPEG, PNG, FRAME = USUAL["jpeg"], USUAL["png"], b"\xff\xc0"
OTHER = {
    "a thousand scans": jpeg_of_scans(1000, (1000, 1000)),
    "filler between segments": JPEG[:2] + b"\xff" * 1000 + JPEG[2:],
    "a thousand segments": JPEG[:2] + b"\xff\xfe\0\2" * 1000 + JPEG[2:],
    "two sizes": saved(PHOTO, "JPEG").replace(
        b"\xff\xc0", b"\xff\xc0\0\x11\x08\0\x10\0\x10\3" + bytes(9) + b"\xff\xc0"
    ),
    "cut header": JPEG[:100],
    "many texts": png(1, 1, 8, 2, bytes(4), [(b"zTXt", b"a\0\0")] * 100),
    "many pieces": PNG[:33] + chunk(b"IDAT", b"") * 5000 + PNG[33:],
    "a second header": PNG[:33] + PNG[8:33] + PNG[33:],
    "gif": saved(PHOTO, "GIF"),
    "tiff": saved(PHOTO, "TIFF"),
    "text": b"no picture",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", USUAL)
def test_usual_photos(kind: str):
    assert is_ordinary(USUAL[kind])


@pytest.mark.parametrize("kind", OTHER)
def test_other_files(kind: str):
    assert not is_ordinary(OTHER[kind])


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "png", "webp", "lossless webp", "webp of several frames"])
def test_the_size_is_read(monkeypatch, kind: str):
    monkeypatch.setattr(ordinary, "MAX_PIXELS", 320 * 200)
    assert is_ordinary(USUAL[kind])
    monkeypatch.setattr(ordinary, "MAX_PIXELS", 320 * 200 - 1)
    assert not is_ordinary(USUAL[kind])


def test_large_files(monkeypatch):
    monkeypatch.setattr(ordinary, "MAX_BYTES", len(JPEG) - 1)
    assert not is_ordinary(JPEG) and is_ordinary(USUAL["grey"])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(USUAL)), st.integers(0, 2000), st.binary(max_size=12), st.integers(0, 3000))
def test_damaged_files_raise_nothing(kind: str, place: int, put: bytes, end: int):
    data = USUAL[kind]
    assert is_ordinary((data[:place] + put + data[place + len(put) :])[: len(data) - end]) in (True, False)
