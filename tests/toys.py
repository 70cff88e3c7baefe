"""Small data that tests make for themselves: photos of one coloured square, with captions, on disk."""

import json
from pathlib import Path

from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "yellow": (230, 220, 40)}
SIDES = {"left": 2, "right": 18}
SIZE = 32


def square(colour: str, side: str, shade: int = 0) -> Image.Image:
    """A photo: a square of one colour on the left or the right of a grey ground."""
    photo = Image.new("RGB", (SIZE, SIZE), (110 + shade, 110 + shade, 110 + shade))
    photo.paste(COLOURS[colour], (SIDES[side], 10, SIDES[side] + 12, 22))
    return photo


def captions_of(colour: str, side: str) -> list[str]:
    return [f"a {colour} square on the {side}", f"the {side} has a {colour} square"]


def coco_folder(folder: Path, *, copies: int = 3) -> Path:
    """A COCO data set: every colour on every side, `copies` times to train on and once to validate and to test on."""
    for split, shades in (("train", range(copies)), ("val", [20]), ("test", [30])):
        images, annotations = [], []
        (folder / split).mkdir(parents=True, exist_ok=True)
        for shade in shades:
            for colour in COLOURS:
                for side in SIDES:
                    number = len(images) + 1
                    name = f"{split}_{number:03}.png"
                    square(colour, side, shade).save(folder / split / name)
                    images.append({"id": number, "file_name": name})
                    annotations += [{"id": 10 * number + n, "image_id": number, "caption": text}
                                    for n, text in enumerate(captions_of(colour, side))]  # fmt: skip
        (folder / f"captions_{split}.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder


def class_folders(folder: Path, *, copies: int = 6) -> Path:
    """One folder of photos for each colour."""
    for colour in COLOURS:
        (folder / colour).mkdir(parents=True)
        for n in range(copies):
            square(colour, list(SIDES)[n % 2], n).save(folder / colour / f"{n}.png")
    return folder
