"""What the examples read, made on the spot: reviews, dates in words, Python's source, pictures of digits."""

import io
import tokenize
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

THINGS = "film plot acting music ending dialogue cast story".split()
WORDS = {True: "good great lovely clever moving funny".split(), False: "bad dull awful stupid boring weak".split()}
CLAIMS = ("the {} was {}", "i found the {} really {}", "everyone will call the {} {}")
DENIALS = ("the {} was not {}", "i did not find the {} really {}", "nobody will call the {} {}")
NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
           "seventeen eighteen nineteen").split()  # fmt: skip
for tens in "twenty thirty forty fifty sixty seventy eighty ninety".split():
    NUMBERS += [tens, *(f"{tens} {one}" for one in NUMBERS[1:10])]  # to 99
ORDINALS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth").split()  # fmt: skip
DAYS = [*ORDINALS, *(f"twenty {ordinal}" for ordinal in ORDINALS[:9]), "thirtieth", "thirty first"]
FORMS = ("the {day} of {month} {year}", "{month} the {day} {year}", "{weekday} the {day} of {month} {year}",
         "in {year} on the {day} of {month}")  # fmt: skip
SIDE = 20  # pixels of a digit
FOLDER = Path(matplotlib.get_data_path(), "fonts", "ttf")
FONTS = [ImageFont.truetype(FOLDER / f"{name}.ttf", 20) for name in (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "cmr10", "cmss10")]  # fmt: skip


def review(rng: Random) -> tuple[str, bool]:
    """A review of one or two clauses, and whether it is a good one."""
    first, is_good = clause(rng)
    link = rng.choice(("", "but", "though"))
    if not link:
        return first, is_good
    second, second_is_good = clause(rng)
    return f"{first} {link} {second}", second_is_good if link == "but" else is_good


def clause(rng: Random) -> tuple[str, bool]:
    sounds_good, denied = rng.choice((True, False)), rng.choice((True, False))
    form = rng.choice(DENIALS if denied else CLAIMS)
    return form.format(rng.choice(THINGS), rng.choice(WORDS[sounds_good])), sounds_good != denied


def some_reviews(count: int, seed: int) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """So many different reviews with their labels to learn from, and a fifth of that, all others, to test on."""
    rng = Random(seed)
    labels = {}
    while len(labels) < count + count // 5:
        labels.update([review(rng)])
    reviews = list(labels.items())
    return reviews[:count], reviews[count:]


def in_words(day: date, form: str) -> str:
    """A date from 1910 to 2099 in words."""
    century, rest = (NUMBERS[part] for part in divmod(day.year, 100))
    year = f"{century} {rest}" if day.year % 100 >= 10 else f"two thousand and {rest}"
    return form.format(day=DAYS[day.day - 1], month=f"{day:%B}", weekday=f"{day:%A}", year=year).lower()


def some_dates(count: int, seed: int) -> list[tuple[str, str]]:
    """(words, ISO date) of so many different days between 1910 and 2049."""
    rng = Random(seed)
    days = [date(1910, 1, 1) + timedelta(n) for n in rng.sample(range(140 * 365), count)]
    return [(in_words(day, rng.choice(FORMS)), day.isoformat()) for day in days if day.year != 2000]


def narrow(source: str) -> str:
    """Python source without its blank lines, indented by one space a level: a third of it would be indentation."""
    lines = [line for line in source.splitlines() if line.strip()]
    return "".join(" " * ((len(line) - len(line.lstrip())) // 4) + line.strip() + "\n" for line in lines)


def quoted(source: str) -> Tensor:
    """Bool (T,): which characters of Python source are inside quotes or a comment, the marks themselves included."""
    lines = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]  # where each begins
    inside = torch.zeros(len(source), dtype=torch.bool)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            inside[lines[token.start[0] - 1] + token.start[1] : lines[token.end[0] - 1] + token.end[1]] = True
    return inside


def digits(count: int, rng: Random) -> tuple[Tensor, Tensor]:
    """Pictures (N, SIDE, SIDE) of ink (1) or none (0), and the digits they show (N,)."""
    pictures, labels = np.zeros((count, SIDE, SIDE), np.float32), [rng.randrange(10) for _ in range(count)]
    for picture, label in zip(pictures, labels, strict=True):
        page = Image.new("L", (2 * SIDE, 2 * SIDE))
        ImageDraw.Draw(page).text((SIDE, SIDE), str(label), 255, rng.choice(FONTS), anchor="mm")
        page = page.rotate(rng.uniform(-5, 5), Image.Resampling.BILINEAR)
        side, shift = SIDE * rng.uniform(0.95, 1.15), (rng.uniform(-0.7, 0.7), rng.uniform(-0.7, 0.7))
        left, top = (SIDE - side / 2 + s for s in shift)
        box = (left, top, left + side, top + side)
        picture[:] = np.asarray(page.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box)) > 127
    return torch.from_numpy(pictures), torch.tensor(labels)
