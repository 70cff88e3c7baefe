"""What kind of picture a file is, by its first bytes: a name or a suffix says what somebody meant it to be."""

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

HEAD = 512  # bytes that are enough to tell
PHOTO_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif",
    ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
_NO_PHOTOS = (  # what archives have many of: their beginnings are not read
    ".txt", ".caption", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".cls", ".xml", ".parquet", ".npy", ".npz", ".pt",
    ".pth", ".pickle", ".pyd", ".zip", ".tar",
)  # fmt: skip
PHOTO_COLUMNS = ("file_name", "image", "filename", "image_name", "image_path", "img_name")  # of tables

# Kinds that are opened -> Pillow's decoder. Left out on purpose: EPS, which Pillow would hand to Ghostscript, a
# program of its own.
DECODERS = {
    "JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF", "AVIF": "AVIF",
    "HEIC": "HEIF", "JPEG 2000": "JPEG2000", "PPM": "PPM",
}  # fmt: skip

NO_PICTURES = {
    "HTML": "a page of the web",
    "Git LFS": "what Git LFS keeps in place of a file",
}  # told with other advice

_BRANDS = {  # of the ISO base media format, in which AVIF, HEIC and films are kept
    "AVIF": rb"avi[fs]|m[is]f1.{4}(?:.{4}){0,6}?avi[fs]", "HEIC": rb"hei[cxms]|hev[cx]|m[is]f1",
    "video": rb"isom|iso\d|mp4\d|qt  |M4V |avc1|3gp.",
}  # fmt: skip
_SIGNATURES = {
    kind: re.compile(signature, re.DOTALL)
    for kind, signature in {
        "JPEG": rb"\xff\xd8\xff",
        "PNG": rb"\x89PNG\r\n\x1a\n",
        "WebP": rb"RIFF....WEBP",
        "GIF": rb"GIF8[79]a",
        "BMP": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
        "TIFF": rb"II[*+]\0|MM\0[*+]",
        **{kind: rb"....ftyp(?:" + brands + rb")" for kind, brands in _BRANDS.items()},
        "JPEG 2000": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
        "PPM": rb"P[1-6]\s+(?:#|\d)|P[Ff]\s+\d",
        # What people try that is not opened.
        "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
        "PDF": rb"\s*%PDF",
        "SVG": rb"(?:\xef\xbb\xbf)?\s*<(?:svg|.*?<svg)",
        "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
        "Photoshop": rb"8BPS",
        "Windows icon": rb"\0\0\x01\0.\0",
        "Apple icon": rb"icns",
        "DDS": rb"DDS ",
        "OpenEXR": rb"v/1\x01",
        "Radiance HDR": rb"#\?(?:RADIANCE|RGBE)",
        "PAM": rb"P7\s",
        "PCX": rb"\x0a[\0-\x05]\x01[\x01\x02\x04\x08]",
        "QOI": rb"qoif",
        "SGI": rb"\x01\xda[\0\x01][\x01\x02]",
        "FITS": rb"SIMPLE  =",
        "DICOM": rb".{128}DICM",
        "Matroska video": rb"\x1aE\xdf\xa3",
        "zip": rb"PK\x03\x04",
        "gzip": rb"\x1f\x8b\x08",
        "HTML": rb"\s*<(?:!doctype html|html)",  # what a server said in place of a photo
        "Git LFS": rb"version https://git-lfs",
    }.items()
}


def kind_of(head: bytes) -> str | None:
    """The kind of picture that begins with these bytes (`HEAD` of them): a key of `DECODERS`, another, or None."""
    start = head[:HEAD]
    for kind, signature in _SIGNATURES.items():
        if signature.match(start.lower() if kind in ("SVG", "HTML") else start):
            return kind
    return None


def is_photo(path: str | os.PathLike) -> bool:
    """Whether a file is to be treated as a photo: by its content or, so that a damaged one is told of, by its suffix.

    Files that macOS puts beside others (`._photo.jpg`, `.DS_Store`) are none, whatever they hold.
    """
    path = Path(path)
    if path.name.startswith("._") or path.name == ".DS_Store" or not path.is_file():
        return False
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD)) in DECODERS
    except OSError:
        return False


def is_archived_photo(name: str, head: Callable[[], bytes]) -> bool:
    """`is_photo`, of a file in an archive.

    Args:
        head: reads its first bytes; asked only where its name does not tell.
    """
    name = name.lower()
    return name.endswith(PHOTO_SUFFIXES) or (not name.endswith(_NO_PHOTOS) and kind_of(head()) in DECODERS)


@cache
def register_heif() -> None:
    """Let Pillow open HEIC, which phones write. Only where one is met: it takes a tenth of a second."""
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
