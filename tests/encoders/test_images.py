"""Photos as strangers have them: each opens as RGB with the right pixels, or is refused in one sentence."""

import json
import os
import re
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from photo_bytes import png, saved
from PIL import Image, ImageFile

from encoders.decode_process import DecodeProcess
from encoders.formats import DECODERS, kind_of, register_heif
from encoders.images import FITS, Preprocessing, is_photo, max_pixels, open_photo
from encoders.preprocessing import INTERPOLATIONS
from runtime.errors import PhotoError, SettingError

RED, GREEN, BLUE, WHITE = (200, 30, 40), (20, 180, 60), (30, 60, 190), (255, 255, 255)


def plain(mode: str, colour, size=(16, 8)) -> Image.Image:
    return Image.new(mode, size, colour)


def lazily(data: bytes) -> Image.Image:
    """As other programs open it: Pillow's warnings are theirs to heed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(BytesIO(data))


def floats(value: float) -> Image.Image:
    return Image.fromarray(np.full((8, 16), value, dtype=np.float32))


def red_png(*more: tuple[bytes, bytes]) -> bytes:
    return png(1, 1, 8, 2, b"\0" + bytes(RED), more)


def tiff(bands: int, bits: int, form: int) -> bytes:
    """A TIFF of one pixel; form 1 is whole numbers, 3 floats."""
    tags = {256: 1, 257: 1, 258: bits, 259: 1, 262: 2, 273: 8, 277: bands, 278: 1, 279: bands * bits // 8, 339: form}
    size = bands * bits // 8
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + size) + bytes(size) + struct.pack("<H", len(tags)) + entries + bytes(4)


def noisy(size: tuple[int, int]) -> Image.Image:
    """A smooth picture with a little grain, as a photo is."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    colours = np.stack((200 * x, 60 + 150 * y, 220 * (1 - x) * y), axis=-1)
    grain = np.random.default_rng(0).normal(0, 5, (*colours.shape[:2], 1))
    return Image.fromarray((colours + grain).clip(0, 255).astype(np.uint8))


def pictured(left: int) -> Image.Image:
    """A palette picture whose left half is colour number `left` (0 red, 1 blue), the rest 1."""
    image = Image.new("P", (16, 8), 1)
    image.putpalette([*RED, *BLUE])
    image.paste(left, (0, 0, 8, 8))
    return image


def one_sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text.isprintable() and text.endswith(".") and not re.search(r"\w\. [A-Z]|Errno|Traceback", text), text
    return text


register_heif()  # to save some
LONG = zlib.compress(bytes(2 << 20))  # longer than Pillow takes
FRAMES = [plain("RGB", c) for c in (GREEN, RED, BLUE)]
OPENED = {  # file -> the colour of its first pixel
    "jpeg": (saved(plain("RGB", RED), "JPEG"), RED),
    "png": (saved(plain("RGB", RED), "PNG"), RED),
    "webp": (saved(plain("RGB", RED), "WEBP", lossless=True), RED),
    "bmp": (saved(plain("RGB", RED), "BMP"), RED),
    "tiff": (saved(plain("RGB", RED), "TIFF"), RED),
    "cmyk jpeg": (saved(plain("CMYK", (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    "cmyk tiff": (saved(plain("CMYK", (255, 0, 255, 0)), "TIFF"), (0, 255, 0)),
    "grey": (saved(plain("L", 90), "JPEG"), (90, 90, 90)),
    "grey and alpha": (saved(plain("LA", (90, 255)), "PNG"), (90, 90, 90)),
    "clear grey": (saved(plain("LA", (90, 0)), "PNG"), WHITE),
    "1 bit white": (saved(plain("1", 1), "PNG"), WHITE),
    "1 bit black": (saved(plain("1", 0), "TIFF"), (0, 0, 0)),
    "16-bit grey png": (saved(plain("I;16", 0x8000), "PNG"), (127, 127, 127)),
    "16-bit grey tiff": (saved(plain("I;16", 0x4000), "TIFF"), (63, 63, 63)),
    "32-bit grey tiff": (saved(plain("I", 65535), "TIFF"), WHITE),
    "floats up to 1": (saved(floats(0.5), "TIFF"), (127, 127, 127)),
    "floats up to 255": (saved(floats(200.0), "TIFF"), (200, 200, 200)),
    "16-bit rgb": (png(1, 1, 16, 2, b"\0" + struct.pack(">HHH", 0xC8FF, 0x1E00, 0x2800)), RED),
    "16-bit rgba": (png(1, 1, 16, 6, b"\0" + struct.pack(">HHHH", 0xC8FF, 0x1E00, 0x2800, 0)), WHITE),
    "16-bit grey and alpha": (png(1, 1, 16, 4, b"\0" + struct.pack(">HH", 0x5AFF, 0xFFFF)), (90, 90, 90)),
    "palette": (saved(pictured(0), "PNG"), RED),
    "palette, transparent number": (saved(pictured(0), "PNG", transparency=0), WHITE),
    "palette, transparent bytes": (saved(pictured(0), "PNG", transparency=b"\x00\xff"), WHITE),
    "palette, the other one transparent": (saved(pictured(0), "GIF", transparency=1), RED),
    "rgb, one colour transparent": (saved(plain("RGB", RED), "PNG", transparency=RED), WHITE),
    "rgba half clear": (saved(plain("RGBA", (255, 0, 0, 128)), "PNG"), (255, 127, 127)),
    "animated gif": (saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), GREEN),
    "animated webp": (saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], lossless=True), GREEN),
    "phone's several pictures": (saved(FRAMES[0], "MPO", save_all=True, append_images=FRAMES[1:]), GREEN),
    "damaged exif": (saved(plain("RGB", RED), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x09\x00rubbish"), RED),
    **{
        f"{format} with damaged exif": (saved(plain("RGB", RED), format, exif=b"Exif\0\0" + exif), RED)
        for format, exif in (
            ("PNG", b"rubbish"),
            ("WEBP", b"MM"),
            ("HEIF", b"II*\0\xff"),
            ("PNG", b"II*\0\xff\xff\xff\xff"),
        )
    },
    "1 x 1": (saved(plain("RGB", RED, (1, 1)), "PNG"), RED),
    "heic": (saved(plain("RGB", RED), "HEIF"), RED),
    "avif": (saved(plain("RGB", RED), "AVIF"), RED),
    "jpeg 2000": (saved(plain("RGB", RED), "JPEG2000"), RED),
    "ppm": (saved(plain("RGB", RED), "PPM"), RED),
    "png with a long compressed text": (red_png((b"zTXt", b"prompt\0\0" + LONG)), RED),
    "png with a long international text": (red_png((b"iTXt", b"prompt\0\1\0\0\0" + LONG)), RED),
    "png with a long profile": (red_png((b"iCCP", b"icc\0\0" + LONG)), RED),
    "20000 x 10": (saved(plain("RGB", RED, (20000, 10)), "JPEG"), RED),
    "10 x 20000": (saved(plain("RGB", RED, (10, 20000)), "PNG"), RED),
}
JPEG, PNG, GIF = (saved(noisy((200, 150)), format) for format in ("JPEG", "PNG", "GIF"))
REFUSED = {  # file -> words of the sentence
    "empty": (b"", "0 bytes"),
    "text": (b"I am not a picture.\n" * 50, "not a picture"),
    "cut jpeg": (JPEG[: len(JPEG) // 2], "damaged or cut short"),
    "cut jpeg header": (JPEG[:100], "damaged or cut short|not a picture"),
    "cut png": (PNG[: len(PNG) // 2], "damaged or cut short"),
    "cut gif": (GIF[: len(GIF) // 2], "damaged or cut short"),
    "corrupt png": (PNG[:200] + bytes(99) + PNG[299:], "damaged or cut short"),
    "corrupt tiff": (saved(plain("RGB", RED), "TIFF")[:12] + bytes(200), "damaged"),
    "bomb": (png(12000, 12000, 1, 0), "12000 x 12000 pixels.*60 megapixels"),
    "bomb that Pillow itself refuses": (png(60000, 60000, 8, 2), "60000 x 60000 pixels.*60 megapixels"),
    "gif bomb": (GIF[:6] + b"\xff" * 4 + GIF[10:], "65535 x 65535 pixels.*60 megapixels"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "damaged or cut short"),
    "floats in colour": (tiff(3, 32, 3), "TIFF whose bands or numbers are not supported"),
    "many bands": (tiff(12, 16, 1), "TIFF whose bands or numbers are not supported"),
    "jpeg xl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64), "JPEG XL file, which is not supported"),
    "film": (b"\0\0\0\x18ftypisom" + bytes(64), "video file, which is not supported"),
    "matroska": (b"\x1aE\xdf\xa3" + bytes(64), "Matroska video file, which is not supported"),
    "openexr": (b"v/1\x01\2\0\0\0" + bytes(64), "OpenEXR file, which is not supported"),
    "targa": (saved(plain("RGB", RED), "TGA"), "not a picture of a known kind"),
    "icon": (saved(plain("RGB", RED, (16, 16)), "ICO"), "Windows icon file, which is not supported"),
    "what a server said": (
        b"\n<!DOCTYPE html><html>404</html>",
        "a page of the web, and no picture; download the photo",
    ),
    "git lfs": (
        b"version https://git-lfs.github.com/spec/v1\nsize 1\n",
        "what Git LFS keeps .* no picture; download the",
    ),
    "many opening brackets": (b"<!" * 4000, "not a picture"),
    "svg": (b'<?xml version="1.0"?>\n<!-- drawn -->\n<SVG xmlns="x"></SVG>', "SVG file, which is not supported"),
    "pdf": (b"%PDF-1.7\n" + bytes(64), "PDF file, which is not supported"),
    "eps, a program": (saved(plain("RGB", RED), "EPS"), "PostScript file, which is not supported"),
}


@pytest.mark.parametrize("kind", OPENED)
def test_opens_as_rgb_with_the_right_pixels(kind: str):
    data, colour = OPENED[kind]
    photo = open_photo(data)
    assert photo.mode == "RGB"
    assert photo.size == ((1, 1) if "long" in kind else lazily(data).size)  # Pillow itself does not open those
    assert np.abs(np.subtract(photo.getpixel((0, 0)), colour)).max() <= 2
    for fit in FITS:
        assert Preprocessing(size=32, fit=fit).pixels(photo).shape == (3, 32, 32)


@pytest.mark.parametrize("mode, colour, seen", [
    ("I;16", 0x8000, 127), ("I;16B", 0x4000, 63), ("I", 65535, 255), ("I", -5, 0), ("I", 200, 200), ("P", 0, 0),
    ("LA", (90, 255), 90), ("RGBa", (90, 90, 90, 255), 90), ("1", 1, 255), ("YCbCr", (90, 128, 128), 90),
])  # fmt: skip
def test_opens_pil_images_of_any_mode(mode: str, colour, seen: int):
    assert open_photo(plain(mode, colour)).getpixel((3, 3)) == (seen, seen, seen)


@pytest.mark.parametrize("kind", DECODERS)
def test_every_kind_is_known_by_its_first_bytes(tmp_path: Path, kind: str):
    data = saved(plain("RGB", RED), DECODERS[kind])
    assert kind_of(data) == kind
    for name in ("photo", "PHOTO.JPG", "photo.jfif", "photo.txt", "photo.png"):
        path = tmp_path / name
        path.write_bytes(data)
        assert is_photo(path)
        assert np.abs(np.subtract(open_photo(path).getpixel((0, 0)), RED)).max() <= 2


def test_what_is_no_photo(tmp_path: Path):
    for name, data in {
        "._a.jpg": JPEG,
        ".DS_Store": JPEG,
        "a.csv": b"image,caption\n",
        "b.svg": b"<svg>",
        "c": b"",
    }.items():
        (tmp_path / name).write_bytes(data)
        assert not is_photo(tmp_path / name)
    (tmp_path / "folder.jpg").mkdir()
    assert not is_photo(tmp_path / "folder.jpg") and not is_photo(tmp_path / "nowhere.jpg")
    (tmp_path / "damaged.jfif").write_bytes(b"not a photo")
    assert is_photo(tmp_path / "damaged.jfif"), "so that it is reported, not passed over in silence"


def test_threads_leave_the_process_s_warnings_alone(monkeypatch):
    monkeypatch.setattr(warnings, "catch_warnings", None)  # what threads must not use
    before = list(warnings.filters)
    data = [OPENED[kind][0] for kind in ("jpeg", "damaged exif", "palette, transparent bytes", "rgba half clear")] * 8
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(open_photo, data))) == len(data)
    assert warnings.filters == before
    with pytest.raises(UserWarning):
        warnings.warn("one of ours", UserWarning, stacklevel=1)


@pytest.mark.filterwarnings("error")
def test_a_bomb_is_a_bomb_where_warnings_are_errors():
    with pytest.raises(PhotoError, match=r"12000 x 12000 pixels.*60 megapixels.*GLIMPSE_MAX_MEGAPIXELS"):
        open_photo(REFUSED["bomb"][0])


def test_the_limit_of_size_can_be_set(monkeypatch):
    monkeypatch.setenv("GLIMPSE_MAX_MEGAPIXELS", "0.025")
    with pytest.raises(PhotoError, match=r"200 x 150 pixels, more than the 0\.025 megapixels"):
        open_photo(JPEG)
    monkeypatch.setenv("GLIMPSE_MAX_MEGAPIXELS", "0.03")
    assert open_photo(JPEG).size == (200, 150)
    for wrong in ("many", "0", "-1", "nan"):
        monkeypatch.setenv("GLIMPSE_MAX_MEGAPIXELS", wrong)
        with pytest.raises(SettingError, match="GLIMPSE_MAX_MEGAPIXELS is") as error:
            open_photo(JPEG)
        one_sentence(error)


def test_floats_that_are_no_numbers_are_no_light():
    values = np.array([[np.nan, np.inf], [-1.0, 100.0]], dtype=np.float32)
    assert np.asarray(open_photo(Image.fromarray(values)))[..., 0].tolist() == [[0, 255], [0, 0]]


@pytest.mark.parametrize("way", ["path", "text path", "bytes", "bytearray", "file", "memory file", "pil"])
def test_opens_from_wherever_it_comes(tmp_path: Path, way: str):
    data, colour = OPENED["png"]
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    with path.open("rb") as file, Image.open(path) as pil:
        source = {"path": path, "text path": str(path), "bytes": data, "bytearray": bytearray(data), "file": file,
                  "memory file": BytesIO(data), "pil": pil}[way]  # fmt: skip
        assert open_photo(source).getpixel((0, 0)) == colour


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"two\nlines.png", "사진 🐕.png".encode(), b" .png", b"-x.png"])
def test_names_may_be_anything(tmp_path: Path, name: bytes):
    path = tmp_path / os.fsdecode(name)
    try:
        path.write_bytes(OPENED["png"][0])
    except OSError:
        pytest.skip("this file system does not allow such a name")
    assert open_photo(path).getpixel((0, 0)) == RED
    path.write_bytes(b"GIF89a")
    with pytest.raises(PhotoError) as error:
        open_photo(str(path))
    assert one_sentence(error).startswith(str(tmp_path))


def test_an_address_and_an_array_are_told_from_photos():
    for address in (text := "https://example.com/a.jpg", Path(text)):
        with pytest.raises(PhotoError, match=rf"^{text} is an address; download the photo, and give the file"):
            open_photo(address)
    with pytest.raises(PhotoError, match=r"a photo cannot be of type ndarray; give a path, .* makes one of an array"):
        open_photo(np.zeros((4, 4, 3), np.uint8))


# Where the upright picture's rows and columns lie in the stored one, for each value of EXIF's orientation tag.
STORED = {
    1: lambda up: up,
    2: lambda up: up[:, ::-1],
    3: lambda up: up[::-1, ::-1],
    4: lambda up: up[::-1],
    5: lambda up: up.swapaxes(0, 1),
    6: lambda up: np.rot90(up, 1),
    7: lambda up: up.swapaxes(0, 1)[::-1, ::-1],
    8: lambda up: np.rot90(up, -1),
}


@pytest.mark.parametrize("format, min_side", [("JPEG", None), ("JPEG", 16), ("PNG", None), ("WEBP", None)])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_turns_the_pixels(orientation: int, format: str, min_side: int | None):
    corners = np.array([[RED, GREEN], [BLUE, WHITE]], dtype=np.uint8)
    upright = corners.repeat(64, axis=0).repeat(128, axis=1)  # 128 high, 256 wide
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    photo = open_photo(saved(stored, format, exif=exif), min_side=min_side)
    width, height = photo.size
    assert width == 2 * height and (width < 256) == bool(min_side)
    seen = np.asarray(photo).astype(int)[height // 4 :: height // 2, width // 4 :: width // 2]
    assert np.abs(seen - corners).max() < 12
    again = open_photo(saved(photo, "JPEG", exif=photo.getexif()))  # as Gradio saves what it shows
    assert again.size == photo.size and photo.getexif().get(0x0112) in (None, 1)


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses_in_one_sentence(tmp_path: Path, kind: str):
    data, words = REFUSED[kind]
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=words) as error:
        open_photo(path)
    assert one_sentence(error).startswith(str(path))
    with pytest.raises(PhotoError, match=words) as error:
        open_photo(data)
    assert one_sentence(error).startswith("the uploaded file")


@pytest.mark.parametrize("kind", ["bomb", "bomb that Pillow itself refuses", "gif bomb"])
def test_bombs_are_refused_before_a_pixel_is_decoded(monkeypatch, kind: str):
    def decode(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    monkeypatch.setattr(DecodeProcess, "finish", decode)
    with pytest.raises(PhotoError, match="megapixels"):
        open_photo(REFUSED[kind][0])


def test_pil_images_are_refused_as_files_are():
    for data, words in (REFUSED["cut jpeg"], (png(max_pixels() // 10000 + 1, 10000, 1, 0), "6001 x 10000 pixels")):
        with pytest.raises(PhotoError, match=words) as error:
            open_photo(lazily(data))
        one_sentence(error)


@pytest.mark.parametrize("path, words", [
    ("", "is a folder"), ("missing.jpg", "does not exist"), ("no/such/folder.jpg", "does not exist"),
    ("file/photo.jpg", "cannot be read"), ("nul\0byte.jpg", "cannot be read"), ("x" * 300, "cannot be read"),
    ("half \ud83d character.jpg", "cannot be read"), ("two\nlines.jpg", "does not exist"),
    (os.fsdecode(b"\xff\xfe.jpg"), "does not exist"),
])  # fmt: skip
def test_paths_that_lead_nowhere(tmp_path: Path, path: str, words: str):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PhotoError, match=words) as error:
        open_photo(os.path.join(tmp_path, path))  # noqa: PTH118 - as a user's text comes
    one_sentence(error)


def test_a_photo_that_may_not_be_read(tmp_path: Path, monkeypatch):
    path = tmp_path / "locked.jpg"
    path.write_bytes(JPEG)
    path.chmod(0)
    if os.geteuid() == 0:  # root reads everything: refuse in the system's place

        def refuse(self, mode):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PhotoError, match=r"Permission denied.*your access") as error:
        open_photo(path)
    one_sentence(error)


def test_a_file_opened_as_text(tmp_path: Path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(JPEG)
    with path.open(encoding="utf-8") as file, pytest.raises(PhotoError, match="mode 'rb'"):
        open_photo(file)


@pytest.mark.parametrize("format", ["JPEG", "MPO", "JPEG2000", "PNG", "BMP"])
def test_decoding_a_large_photo_small_shifts_no_colour(format: str):
    data, preprocessing = saved(noisy((1600, 1200)), format, quality=90), Preprocessing(size=112)
    small = open_photo(data, min_side=preprocessing.min_side)
    assert small.size == (400, 300)  # a quarter: the least that still has one and a half times the side
    change = preprocessing.pixels(small).astype(int) - preprocessing.pixels(open_photo(data))
    assert np.abs(change).max() <= 8
    assert np.abs(change.mean(axis=(1, 2))).max() < (1.5 if format == "JPEG2000" else 0.5)


@pytest.mark.parametrize("photo_side, left", [(0, (320, 240)), (241, (640, 480)), (240, (320, 240)), (100, (160, 120))])
def test_a_photo_is_halved_while_it_keeps_the_detail_of_those_trained_on(photo_side: int, left: tuple[int, int]):
    photo, preprocessing = noisy((640, 480)), Preprocessing(size=144, photo_side=photo_side)
    opened = open_photo(saved(photo, "PNG"), min_side=preprocessing.min_side)
    assert opened.size == left
    assert (preprocessing.pixels(opened) == preprocessing.pixels(photo)).all(), "a PIL image is seen as its file is"
    assert (preprocessing.pixels(opened) == Preprocessing(size=144, photo_side=left[1]).pixels(opened)).all()


@pytest.mark.parametrize("wrong", [
    {"fit": "stretch"}, {"fit": None}, {"size": 15}, {"size": 2049}, {"size": "224"}, {"size": 64.5},
    {"photo_side": -1}, {"photo_side": "224"}, {"photo_side": None},
    {"mean": (0.5, 0.5)}, {"mean": None}, {"mean": ("red", "green", "blue")}, {"mean": (0.5, 0.5, float("nan"))},
    {"std": (0.2, 0.2, 0.0)}, {"std": (0.2, -0.2, 0.2)}, {"std": 0.2}, {"std": (0.2, 0.2, float("inf"))},
])  # fmt: skip
def test_preprocessing_refuses(wrong: dict):
    with pytest.raises(SettingError, match=next(iter(wrong))) as error:
        Preprocessing(**wrong)
    one_sentence(error)


def test_preprocessing_is_saved_whole():
    made = Preprocessing(size=96, fit="pad", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    assert Preprocessing(**json.loads(json.dumps(asdict(made)))) == made


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(120, 60), (60, 120), (61, 90), (33, 32)])
def test_a_spot_is_seen_where_box_says(fit: str, size: tuple[int, int]):
    """Fails for a swapped height and width, a crop off the middle, and a box that is not what is seen."""
    preprocessing = Preprocessing(size=64, fit=fit)
    left, top, right, bottom = preprocessing.box(*size)
    for x, y in ((0.5, 0.5), (0.4, 0.6), (0.55, 0.35)):  # of the photo: inside the crop as well
        at = np.array((round(x * size[0]), round(y * size[1])))
        photo = Image.new("RGB", size)
        photo.paste(WHITE, (*(at - 2), *(at + 2)))
        seen = preprocessing.pixels(photo)[0].astype(float)
        if fit == "pad":
            seen = seen * (preprocessing.pixels(photo)[2] != 104)  # blue of the bars
        middles = np.arange(64) + 0.5
        centre = np.array((seen.sum(0) @ middles, seen.sum(1) @ middles)) / seen.sum()
        expected = 64 * (at - (left, top)) / (right - left, bottom - top)
        assert np.abs(centre - expected).max() < 1


@pytest.mark.parametrize("size", [(64, 64), (30, 50), (91, 140), (640, 480), (131, 1111)])
def test_resizes_as_pillow_does(size: tuple[int, int]):
    photo = noisy(size)
    halved = photo.reduce(4) if size == (640, 480) else photo  # while both sides keep 96 pixels
    wanted = np.asarray(halved.resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(Preprocessing(size=64, shrinking="bilinear").pixels(photo).transpose(1, 2, 0) - wanted).max() <= 1


@pytest.mark.parametrize("turn", [False, True])
def test_what_each_fit_shows(turn: bool):
    """A wide photo, red | green | blue, and the same turned."""
    thirds = np.array([[RED, GREEN, BLUE]], dtype=np.uint8).repeat(40, axis=0).repeat(40, axis=1)  # 40 x 120

    def seen(fit: str) -> np.ndarray:
        photo = Image.fromarray(np.ascontiguousarray(thirds.swapaxes(0, 1) if turn else thirds))
        pixels = Preprocessing(size=48, fit=fit).pixels(photo)
        assert pixels.dtype == np.uint8
        return pixels.transpose(2, 1, 0) if turn else pixels.transpose(1, 2, 0)

    assert [tuple(seen("squash")[9, x]) for x in (3, 24, 44)] == [RED, GREEN, BLUE]
    assert (seen("crop")[:, 2:-2] == GREEN).all()  # bilinear resizing reads a pixel beyond the box
    padded = seen("pad")
    assert [tuple(padded[24, x]) for x in (3, 24, 44)] == [RED, GREEN, BLUE]
    bars = (padded == (124, 116, 104)).all(axis=(1, 2))
    assert bars.tolist() == [True] * 16 + [False] * 16 + [True] * 16


def test_normalise():
    preprocessing = Preprocessing(size=16)
    photo = plain("RGB", (255, 0, 51))
    expected = [(1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (0.2 - 0.406) / 0.225]
    assert preprocessing(photo)[:, 5, 7].tolist() == pytest.approx(expected, abs=1e-5)
    batch = np.stack((preprocessing.pixels(photo), preprocessing.pixels(noisy((30, 20)))))
    given = batch.copy()
    found = preprocessing.normalise(batch)
    assert found.dtype == np.float32 and (found[0] == preprocessing(photo)).all() and (batch == given).all()
    tensors = preprocessing.normalise(torch.from_numpy(batch))  # as training gives them
    torch.testing.assert_close(tensors, torch.from_numpy(found))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(300, 200), (91, 140), (40, 50)])
def test_resizes_as_torch_does(interpolation: str, size: tuple[int, int]):
    photo = noisy(size)
    batch = torch.from_numpy(np.array(photo)).permute(2, 0, 1).unsqueeze(0)
    if size == (300, 200):  # both sides are more than three times 64: halved first
        batch = torch.from_numpy(np.array(photo.reduce(2))).permute(2, 0, 1).unsqueeze(0)
    wanted = torch.nn.functional.interpolate(batch, (64, 64), mode=interpolation, antialias=True)[0].int()
    found = Preprocessing(size=64, interpolation=interpolation, shrinking=interpolation).pixels(photo)
    assert np.abs(found - wanted.numpy()).max() <= 1


def test_hamming_shrinks_in_a_direction_that_is_larger():
    def along(side: int) -> np.ndarray:
        """(64, side): each output pixel's share of the input's, sinc(x) (0.54 + 0.46 cos πx) for |x| < 1."""
        scale = side / 64
        x = (np.arange(side) + 0.5 - (np.arange(64)[:, None] + 0.5) * scale) / scale
        weights = np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)) * (np.abs(x) < 1)
        return weights / weights.sum(axis=1, keepdims=True)

    smaller, wide, narrow = noisy((120, 90)), noisy((120, 60)), noisy((50, 90))
    expected = np.einsum("yh,hwc,xw->cyx", along(90), np.asarray(smaller, float), along(120))
    found = Preprocessing(size=64).pixels(smaller)
    assert np.abs(found - expected).max() <= 1.5  # each direction is rounded
    for interpolation in INTERPOLATIONS:
        chosen, filter = Preprocessing(size=64, interpolation=interpolation).pixels, interpolation.upper()
        assert (chosen(smaller) == found).all()
        enlarged = np.asarray(wide.resize((120, 64), Image.Resampling[filter]), float)
        assert np.abs(chosen(wide) - np.einsum("hwc,xw->chx", enlarged, along(120))).max() <= 2.5
        enlarged = np.asarray(narrow.resize((64, 90), Image.Resampling[filter]), float)
        assert np.abs(chosen(narrow) - np.einsum("yh,hwc->cyw", along(90), enlarged)).max() <= 2.5
