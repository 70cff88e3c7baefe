"""Many to many, after reading: dates in words become ISO dates, with attention and without.

"thursday the third of march nineteen ninety four" -> 1994-03-03. One network reads the words, a second writes the
characters (Sutskever et al. 2014, Cho et al. 2014). Without attention the writer begins with the reader's last state
and has nothing else: the whole sentence must pass through that one vector. With attention it looks, before each
character, at the states the reader had at every word, z = Σ pᵢ hᵢ (Bahdanau et al. 2015): the captioner's attention,
over words instead of places. Where it looked is drawn. The year stands last in most sentences and first in the date,
so the alignment runs against the order of reading; nobody told it so, it was only shown the right dates.

    python examples/translation.py --out DIR
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import torch
import typer
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from encoders.attention import SoftAttention
from encoders.recurrent import Recurrent
from encoders.text import START, Vocabulary, pad

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"}  # fmt: skip
FORMS = ("the {day} of {month} {year}", "{month} the {day} {year}", "{weekday} the {day} of {month} {year}",
         "in {year} on the {day} of {month}")  # fmt: skip
LENGTH = 10  # characters of an ISO date
SHOWN = "thursday the third of march nineteen ninety four"


def spelled(number: int) -> str:
    """0 to 99 in words."""
    return ONES[number] if number < 20 else f"{TENS[number // 10]} {ONES[number % 10] if number % 10 else ''}".strip()


def in_words(day: date, form: str) -> str:
    """A date from 1910 to 2099 in words."""
    *tens, last = spelled(day.day).split()
    century, rest = divmod(day.year, 100)
    year = f"{spelled(century)} {spelled(rest)}" if rest >= 10 else f"two thousand and {spelled(rest)}"
    return form.format(
        day=" ".join([*tens, ORDINALS.get(last, f"{last}th")]), month=f"{day:%B}", weekday=f"{day:%A}", year=year
    ).lower()


def corpus(count: int, seed: int) -> list[tuple[str, str]]:
    """(words, ISO date) of so many different days between 1910 and 2049."""
    rng = random.Random(seed)
    days = [date(1910, 1, 1) + timedelta(n) for n in rng.sample(range(140 * 365), count)]
    return [(in_words(day, rng.choice(FORMS)), day.isoformat()) for day in days if day.year != 2000]


class Translator(nn.Module):
    """words (B, L) -> characters (B, T), each scored from the one before it and, with attention, from z."""

    def __init__(self, words: int, characters: int, *, attention: bool, hidden_size: int = 64, cell: str = "gru"):
        super().__init__()
        H, E = hidden_size, 32
        self.words, self.characters = nn.Embedding(words, E), nn.Embedding(characters, E)
        self.reader = Recurrent(cell, E, H)
        self.attention = SoftAttention(feature_size=H, query_size=H, attention_size=H) if attention else None
        self.writer = Recurrent(cell, E + H if attention else E, H)
        self.output = nn.Linear(2 * H if attention else H, characters)

    def forward(self, words: Tensor, target: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (B, T, V) and, with attention, p (B, T, L). `target` (B, T) forces the characters; else its own are.

        Every sentence is read on into its padding, to the longest one's length; the attention learns to leave it out.
        """
        features, state = self.reader(self.words(words))  # (B, L, H)
        keys = self.attention.keys(features) if self.attention else None
        token, h = torch.full_like(words[:, 0], START), state[:, -1, 0]
        logits, looked = [], []
        for t in range(LENGTH):
            x = self.characters(token)
            if self.attention:
                z, p = self.attention(h.unsqueeze(1), features, keys)  # one query a sentence
                x = torch.cat((x, z.squeeze(1)), dim=1)
                looked.append(p.squeeze(1))
            h, state = self.writer.step(x, state)
            logits.append(self.output(torch.cat((h, z.squeeze(1)), dim=1) if self.attention else h))
            token = logits[-1].argmax(dim=1) if target is None else target[:, t]
        return torch.stack(logits, dim=1), torch.stack(looked, dim=1) if looked else None


@dataclass(frozen=True)
class Dates:
    """Sentences (N, L) and their dates (N, T) as ids, with the vocabularies of both."""

    words: Vocabulary
    characters: Vocabulary
    source: Tensor
    target: Tensor

    @classmethod
    def make(cls, count: int, seed: int) -> "Dates":
        texts, dates = zip(*corpus(count, seed), strict=True)
        words, characters = Vocabulary.build(texts), Vocabulary.build(dates, unit="character")
        return cls(
            words, characters, padded(list(map(words.encode, texts))), padded(list(map(characters.encode, dates)))
        )


def padded(lists: list[list[int]]) -> Tensor:
    """Encoded texts of different lengths -> (N, longest)."""
    return torch.from_numpy(pad(lists)[0])


@torch.no_grad()
def exact(model: Translator, source: Tensor, target: Tensor) -> float:
    """The share of dates that are right in every character, each fed the model's own one before it."""
    return (model(source)[0].argmax(dim=2) == target).all(dim=1).float().mean().item()


def train(model: Translator, dates: Dates, *, updates: int, every: int = 25, held_out: int = 500) -> list[float]:
    """Adam on batches of 64; the share of held-out dates that are right, after every so many updates."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scores = []
    for update in range(1, updates + 1):
        rows = torch.randint(held_out, len(dates.source), (64,))
        logits, _ = model(dates.source[rows], dates.target[rows])
        loss = cross_entropy(logits.flatten(0, 1), dates.target[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if update % every == 0:
            scores.append(exact(model, dates.source[:held_out], dates.target[:held_out]))
    return scores


def alignment(model: Translator, dates: Dates, text: str) -> tuple[str, Tensor]:
    """The date that the model writes for a sentence, and how much it looked at which word for each character (T, L)."""
    ids = dates.words.encode(text)
    with torch.no_grad():
        logits, p = model(padded([ids, dates.source[0].tolist()])[:1])  # padded as in training
    return dates.characters.decode(logits[0].argmax(dim=1).tolist()), p[0, :, : len(ids)]


def draw(curves: dict[str, list[float]], date: str, text: str, p: Tensor, file: Path, *, every: int = 25) -> None:
    """How fast both learn, and where the one with attention looked."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, scores in curves.items():
        left.plot([every * (n + 1) for n in range(len(scores))], scores, label=name)
    left.set(xlabel="updates", ylabel="dates right", ylim=(0, 1.02), title="Dates not learnt from")
    left.legend()
    right.imshow(p.numpy(), cmap="Greens", vmin=0, vmax=1, aspect="auto")
    right.set(title="Where it looked for each character")
    right.set_xticks(range(p.shape[1]), text.split(), rotation=45, ha="right")
    right.set_yticks(range(len(date)), date)
    figure.savefig(file, dpi=110)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the figure.")] = Path(),
    updates: Annotated[int, typer.Option(help="Steps of gradient descent.")] = 300,
    cell: Annotated[str, typer.Option(help="Recurrent cell.")] = "gru",
    seed: int = 1,
):
    """Learn to write dates, with attention and without; writes translation.png."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    dates = Dates.make(8000, seed)
    curves = {}
    for name, attention in (("without attention", False), ("with attention", True)):
        model = Translator(len(dates.words), len(dates.characters), attention=attention, cell=cell)
        curves[name] = train(model, dates, updates=updates)
        print(f"{name}: {curves[name][-1]:.1%} of the dates it has not learnt from are right")
    date, p = alignment(model, dates, SHOWN)
    print(f"{SHOWN} -> {date}")
    draw(curves, date, SHOWN, p, out / "translation.png")


if __name__ == "__main__":
    typer.run(main)
