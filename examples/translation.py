"""Many to many, after reading: dates in words become ISO dates, with attention and without.

"thursday the third of march nineteen ninety four" -> 1994-03-03. One network reads the words, a second writes the
characters (Sutskever et al. 2014, Cho et al. 2014). Without attention all must pass through the reader's last state;
with it, the writer looks before each character at the states of every word, z = Σ pᵢ hᵢ (Bahdanau et al. 2015).

    python examples/translation.py --out DIR
"""

from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from encoders.attention import SoftAttention
from encoders.recurrent import Recurrent
from encoders.text import START, Vocabulary, pad
from learning import descent
from made import some_dates

LENGTH, EVERY = 10, 25  # characters of an ISO date; updates between two looks at how many are right


def encoded(texts: list[str], unit: str) -> tuple[Tensor, Vocabulary]:
    """Texts as ids, padded to the longest, (N, L); and their vocabulary."""
    vocabulary = Vocabulary.build(texts, unit=unit)
    return torch.from_numpy(pad([vocabulary.encode(text) for text in texts])[0]), vocabulary


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


@torch.no_grad()
def exact(model: Translator, source: Tensor, target: Tensor) -> float:
    """The share of dates that are right in every character, each fed the model's own one before it."""
    return (model(source)[0].argmax(dim=2) == target).all(dim=1).float().mean().item()


def train(model: Translator, source: Tensor, target: Tensor, *, updates: int, held_out: int = 500) -> list[float]:
    """Adam on batches of 64; the share of held-out dates that are right, after every `EVERY` updates."""
    descend, scores = descent(model, 3e-3), []
    for update in range(1, updates + 1):
        rows = torch.randint(held_out, len(source), (64,))
        logits, _ = model(source[rows], target[rows])
        descend(cross_entropy(logits.flatten(0, 1), target[rows].flatten()))
        if update % EVERY == 0:
            scores.append(exact(model, source[:held_out], target[:held_out]))
    return scores


def draw(curves: dict[str, list[float]], date: str, words: list[str], p: Tensor, file: Path) -> None:
    """How fast both learn; and p (T, L), where the one with attention looked for each character of a date."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, scores in curves.items():
        left.plot([EVERY * (n + 1) for n in range(len(scores))], scores, label=name)
    left.set(xlabel="updates", ylabel="dates right", ylim=(0, 1.02), title="Dates not learnt from")
    left.legend(loc="center right")
    right.imshow(p.numpy(), cmap="Greens", vmin=0, vmax=1, aspect="auto")
    right.set(title="Where it looked for each character")
    right.set_xticks(range(len(words)), words, rotation=45, ha="right")
    right.set_yticks(range(len(date)), date)
    figure.savefig(file, dpi=110)


def main(out: Path = Path(), cell: str = "gru"):
    """Learn to write dates with the cell rnn, lstm or gru, attending and not; writes translation.png into OUT."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    sentences, dates = zip(*some_dates(8000, seed=1), strict=True)
    (source, words), (target, characters) = encoded(sentences, "word"), encoded(dates, "character")
    curves = {}
    for name, attention in (("without attention", False), ("with attention", True)):
        model = Translator(len(words), len(characters), attention=attention, cell=cell)
        curves[name] = train(model, source, target, updates=300)
        print(f"{name}: {curves[name][-1]:.1%} of the dates it has not learnt from are right")
    with torch.no_grad():
        logits, p = model(source[:1])
    date, read = characters.decode(logits[0].argmax(dim=1).tolist()), sentences[0].split()
    print(f"{sentences[0]} -> {date}")
    draw(curves, date, read, p[0, :, : len(read)], out / "translation.png")


if __name__ == "__main__":
    typer.run(main)
