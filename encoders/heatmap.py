"""Where a model looked, laid over the photo: bright and warm where it looked, dim elsewhere."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from runtime.atomic import atomic_write
from runtime.errors import SettingError, printable

from .images import Preprocessing

PAPER, INK, FAINT = (252, 251, 249), (28, 30, 34), (128, 130, 136)
_GLOW = np.array([[13, 8, 60], [126, 3, 168], [248, 149, 64], [252, 253, 191]], dtype=np.float32)  # dark to bright


def overlay(photo: Image.Image, attention: np.ndarray, preprocessing: Preprocessing) -> Image.Image:
    """The photo with one attention map over it, at the photo's size.

    Args:
        photo: upright and in RGB, as `open_photo` gives it.
        attention: (rows, cols) over the square the model saw; any scale.
        preprocessing: says which part of the photo that square was.
    """
    left, top, right, bottom = preprocessing.box(*photo.size)
    heat = attention.astype(np.float32)
    heat = Image.fromarray(heat / max(heat.max(), 1e-8)).resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    whole = Image.new("F", photo.size)
    whole.paste(heat, (left, top))
    strength = np.asarray(whole).clip(0, 1)[..., None]  # (height, width, 1)
    stops = np.linspace(0, 1, len(_GLOW))
    glow = np.stack([np.interp(strength[..., 0], stops, _GLOW[:, c]) for c in range(3)], axis=-1)
    seen = np.asarray(photo, dtype=np.float32) * (0.35 + 0.65 * strength)
    mixed = seen * (1 - 0.45 * strength) + glow * 0.45 * strength
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def strip(
    photo: Image.Image,
    title: str,
    looks: list[tuple[str, float, np.ndarray]],
    preprocessing: Preprocessing,
    *,
    tile: int = 220,
    columns: int = 6,
) -> Image.Image:
    """A picture to keep: the photo, a title, and a tile for each (label, probability, attention (rows, cols))."""
    small = photo.copy()
    small.thumbnail((tile, tile), Image.Resampling.LANCZOS)
    width, height = max(small.width, tile // 2), small.height  # room for a word under the narrowest photo
    gap, line = 18, 26
    cells = [(small, "", None)] + [(overlay(small, p, preprocessing), label, prob) for label, prob, p in looks]
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    heading = _wrapped(title, columns * (width + gap) - gap, 24)
    above = gap * 2 + 32 * len(heading)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, above + rows * (height + 2 * line + gap)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for n, text in enumerate(heading):
        draw.text((gap, gap + 32 * n), text, INK, _font(24))
    for n, (picture, label, prob) in enumerate(cells):
        x, y = gap + (n % columns) * (width + gap), above + (n // columns) * (height + 2 * line + gap)
        sheet.paste(picture, (x + (width - small.width) // 2, y))
        draw.text((x, y + height + 5), label, INK, _font(19))
        if prob is not None:
            draw.text((x + width, y + height + 8), f"{prob:.0%}", FAINT, _font(15), anchor="ra")
            draw.rectangle((x, y + height + 32, x + width, y + height + 34), (232, 230, 226))
            draw.rectangle((x, y + height + 32, x + width * prob, y + height + 34), (214, 110, 40))
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _wrapped(text: str, width: int, size: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(size).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def picture_format(path: Path) -> str:
    """Pillow's name of the kind of picture that this name says, such as `PNG`.

    Raises:
        SettingError: it says none that can be written, or there is no such folder.
    """
    if not path.parent.is_dir():
        raise SettingError(f"there is no folder {printable(path.parent)}; make it, or name another for the picture.")
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise SettingError(f"the picture cannot be saved as {printable(path)}; name a .png file.")
    return kind


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture whole, of the kind that its name says.

    Raises:
        SettingError: see `picture_format`. WriteError: it cannot be written; what was there still is.
    """
    try:
        picture.save(buffer := io.BytesIO(), picture_format(path))
    except (OSError, ValueError):  # a kind that cannot hold such a picture
        raise SettingError(f"the picture cannot be saved as {printable(path)}; name a .png file.") from None
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())
