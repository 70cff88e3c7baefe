"""Many to one: is a review good or bad? The network reads word by word, and its last state decides.

"Not" and "nobody" turn round a word that comes four words later; of two judgements the one after "but" counts, or the
one before "though". So the state must remember; a bag of words, which has none, learns from the same reviews beside
it. The reader is the VQA model's question encoder. The reviews are made here; none tested on was learnt from.

    python examples/sentiment.py --out DIR
"""

from pathlib import Path

import torch
import typer
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from encoders.question import QuestionEncoder
from encoders.text import Vocabulary, pad
from learning import descent
from made import some_reviews

SHOWN = (
    "the film was not good", "nobody will call the acting dull",
    "i did not find the music really bad but the plot was weak",
    "the story was lovely though everyone will call the ending stupid",
)  # fmt: skip


def tensors(reviews: list[tuple[str, bool]], vocabulary: Vocabulary) -> tuple[Tensor, Tensor, Tensor]:
    """Reviews as tokens (N, T), their lengths (N,), and whether they are good (N,)."""
    tokens, lengths = map(torch.from_numpy, pad([vocabulary.encode(text) for text, _ in reviews]))
    return tokens, lengths, torch.tensor([is_good for _, is_good in reviews])


class Reader(nn.Module):
    """tokens (B, T) and lengths (B,) -> the logit (B,) that the review is a good one: w · h_T + b."""

    def __init__(self, vocabulary_size: int, *, cell: str = "lstm", hidden_size: int = 48):
        super().__init__()
        sizes = {"vocabulary_size": vocabulary_size, "embedding_size": 24, "hidden_size": hidden_size}
        self.encoder = QuestionEncoder(**sizes, cell=cell)
        self.output = nn.Linear(hidden_size, 1)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.output(self.encoder(tokens, lengths)).squeeze(1)


class BagOfWords(nn.Module):
    """The sum of one number a word, wherever it stands: logistic regression on word counts."""

    def __init__(self, vocabulary_size: int):
        super().__init__()
        self.words = nn.EmbeddingBag(vocabulary_size, 1, mode="sum", padding_idx=0)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.words(tokens).squeeze(1)


def train(model: nn.Module, tokens: Tensor, lengths: Tensor, labels: Tensor, *, updates: int) -> None:
    """Adam on batches of 64, drawn at random."""
    descend = descent(model, 5e-3)
    for _ in range(updates):
        rows = torch.randint(len(tokens), (64,))
        descend(binary_cross_entropy_with_logits(model(tokens[rows], lengths[rows]), labels[rows].float()))


@torch.no_grad()
def accuracy(model: nn.Module, tokens: Tensor, lengths: Tensor, labels: Tensor) -> float:
    return ((model(tokens, lengths) > 0) == labels).float().mean().item()


@torch.no_grad()
def word_by_word(model: nn.Module, vocabulary: Vocabulary, text: str) -> list[float]:
    """The probability that a review is good, after its first word, its first two, ... and all of it."""
    ids = vocabulary.encode(text)
    return torch.sigmoid(model(*map(torch.from_numpy, pad([ids[: n + 1] for n in range(len(ids))])))).tolist()


def draw(model: nn.Module, vocabulary: Vocabulary, file: Path) -> None:
    """The reviews of `SHOWN`, each word on the colour of what the network thinks once it has read it."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.subplots(len(SHOWN))
    for ax, text in zip(axes, SHOWN, strict=True):
        ax.imshow([word_by_word(model, vocabulary, text)], cmap="RdYlGn", vmin=-0.3, vmax=1.3, aspect="auto")
        for n, word in enumerate(text.split()):
            ax.text(n, 0, word, ha="center", va="center", fontsize=9)
        ax.set(xlim=(-0.5, 12.5), xticks=[], yticks=[], frame_on=False)
    axes[0].set_title("Is it a good review? Red: no, green: yes, after each word", fontsize=10)
    figure.savefig(file, dpi=110)


def main(out: Path = Path(), cell: str = "lstm"):
    """Learn to tell good reviews from bad ones, with the cell rnn, lstm or gru; writes sentiment.png into OUT."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    learnt, held_out = some_reviews(4000, seed=1)
    vocabulary = Vocabulary.build(text for text, _ in learnt)
    reader, bag = Reader(len(vocabulary), cell=cell), BagOfWords(len(vocabulary))
    for name, model in (("the network", reader), ("a bag of words", bag)):
        train(model, *tensors(learnt, vocabulary), updates=300)
        print(f"{name}: right in {accuracy(model, *tensors(held_out, vocabulary)):.1%} of reviews not learnt from")
    draw(reader, vocabulary, out / "sentiment.png")


if __name__ == "__main__":
    typer.run(main)
