"""One to one, again and again: a character language model.

After each character the network says which comes next; one is drawn from what it says and handed back as the next
input, a one-hot vector (Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015). First the
lecture's h-e-l-l -> e-l-l-o, where only the state knows whether "l" or "o" follows an "l"; then a module of Python's
own library. Last, the text is coloured by the hidden unit that best follows whether it is inside quotes or a comment.

    python examples/characters.py --out DIR
"""

import argparse
from itertools import cycle, islice
from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.nn.utils.rnn import pad_sequence

from encoders.recurrent import Recurrent
from learning import descent
from made import narrow, quoted


class CharacterModel(nn.Module):
    """h = cell(one-hot of the character, h); scores of the next character = W h + b."""

    def __init__(self, characters: str, *, hidden_size: int, cell: str = "lstm"):
        super().__init__()
        self.characters = characters
        self.recurrent = Recurrent(cell, len(characters), hidden_size)
        self.output = nn.Linear(hidden_size, len(characters))

    def ids(self, text: str) -> Tensor:
        return torch.tensor([self.characters.index(character) for character in text])

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """ids (B, T) -> logits (B, T, V), the hidden state at each step (B, T, H), and the state after the last."""
        h, state = self.recurrent(one_hot(ids, len(self.characters)).float(), state)
        return self.output(h), h, state


def train(model: CharacterModel, text: str, *, updates: int, streams: int = 1, chunk: int = 64) -> list[float]:
    """Truncated back-propagation through time, over so many parts of the text at once; the loss of each update."""
    ids, length = model.ids(text), (len(text) - 1) // streams
    x, y = (ids[first : first + streams * length].view(streams, length) for first in (0, 1))
    descend, losses, state = descent(model, 5e-3), [], None
    for t in islice(cycle(range(0, length, chunk)), updates):
        logits, _, state = model(x[:, t : t + chunk], state if t else None)
        state = state.detach()  # its value goes on to the next chunk, its gradient does not come back
        losses.append(descend(cross_entropy(logits.flatten(0, 1), y[:, t : t + chunk].flatten())))
    return losses


@torch.no_grad()
def sample(model: CharacterModel, start: str, length: int, *, temperature: float, generator: torch.Generator) -> str:
    """`start`, and so many characters more, each drawn and fed back."""
    text_so_far, (logits, _, state) = start, model(model.ids(start).unsqueeze(0))
    for _ in range(length):
        p = torch.softmax(logits[0, -1] / temperature, dim=0)
        drawn = torch.multinomial(p, 1, generator=generator)  # (1,)
        text_so_far += model.characters[drawn]
        logits, _, state = model(drawn.unsqueeze(0), state)
    return text_so_far


def follower(values: Tensor, wanted: Tensor) -> tuple[int, float]:
    """The unit whose values (T, H) correlate best with `wanted` (T,), and that correlation, negative if it is off."""
    r = torch.corrcoef(torch.cat((values.T, wanted.float().unsqueeze(0))))[-1, :-1].nan_to_num()
    unit = int(r.abs().argmax())
    return unit, r[unit].item()


def draw(text: str, values: Tensor, title: str, file: Path) -> None:
    """The text on the colours of one unit's values (T,)."""
    lines = text.splitlines(keepends=True)
    colours = pad_sequence(values.split([len(line) for line in lines]), batch_first=True, padding_value=torch.nan)
    figure = Figure(figsize=(8.5, 0.2 * len(lines) + 0.4), layout="constrained")
    ax = figure.subplots()
    ax.imshow(colours.numpy(), cmap="RdBu", vmin=-1.3, vmax=1.3, aspect="auto")
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            ax.text(column, row, character.strip(), family="monospace", fontsize=8, ha="center", va="center")
    ax.set_axis_off()
    ax.set_title(f"{title}; blue is 1, white 0, red −1", fontsize=9)
    figure.savefig(file, dpi=110)


def main(out: Path = Path(), cell: str = "lstm"):
    """Learn h-e-l-l-o, then Python, with the cell rnn, lstm or gru; writes characters.png into OUT."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    small = CharacterModel("ehlo", hidden_size=8, cell=cell)
    train(small, "hello", updates=150)
    print(f"h -> {sample(small, 'h', 4, temperature=0.1, generator=generator)}")

    source = narrow(Path(argparse.__file__).read_text(encoding="utf-8"))
    learnt = len(source) * 9 // 10
    model = CharacterModel("".join(sorted(set(source))), hidden_size=128, cell=cell)
    losses = train(model, source[:learnt], updates=500, streams=32)
    print(f"loss {losses[0]:.2f} -> {sum(losses[-20:]) / 20:.2f} nats a character")
    for temperature in (0.3, 0.7, 1.2):
        print(f"--- temperature {temperature}")
        print(sample(model, " def ", 250, temperature=temperature, generator=generator))
    with torch.no_grad():
        values = model(model.ids(source).unsqueeze(0))[1][0]  # of every hidden unit after each character, (T, H)
    inside = quoted(source)
    unit, r = follower(values[:learnt], inside[:learnt])
    shown = source.index("\n def ", learnt) + 1
    piece = "".join(source[shown:].splitlines(keepends=True)[:28])
    title = f"unit {unit} of {values.shape[1]}: correlation with being inside quotes or a comment {r:.2f}"
    print(f"--- {title}")
    draw(piece, values[shown : shown + len(piece), unit], title, out / "characters.png")


if __name__ == "__main__":
    typer.run(main)
