"""How far back a cell can remember: the first symbol of a sequence, to be named after 10 to 1,000 steps.

"An RNN's memory is about ten steps, an LSTM's can be a thousand": is it?
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from runtime.errors import SettingError

from .first_symbol import Reader, accuracy, learn
from .results import Row, new_figure, run_cases, write_table

NETWORKS = {
    "RNN": {"cell": "rnn"},
    "RNN, orthogonal": {"cell": "rnn", "init": "orthogonal"},
    "GRU": {"cell": "gru"},
    "LSTM, forget bias 0": {"cell": "lstm", "forget_bias": 0.0},
    "LSTM, forget bias 1": {"cell": "lstm", "forget_bias": 1.0},
    "LSTM, forget bias 5": {"cell": "lstm", "forget_bias": 5.0},
}


@dataclass(frozen=True)
class ReachSettings:
    """Sizes of the study.

    Attributes:
        distances: each network learns them in turn, going on from what it knows of the one before.
        hidden: H; batch: sequences a step.
        steps: of training at each distance, at most; it stops when the task is solved.
        learns_on: a network that is right less often than this at one distance is not trained at longer ones.
        learning_rate: of Adam; clip: largest gradient norm.
        seeds: how many networks of each kind.
    """

    distances: tuple[int, ...] = (10, 30, 100, 300, 1000)
    hidden: int = 32
    batch: int = 32
    steps: int = 400
    learns_on: float = 0.9
    learning_rate: float = 0.005
    clip: float = 1.0
    seeds: int = 3

    def __post_init__(self):
        for name in ("hidden", "batch", "steps", "seeds"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more.")


def reach(settings: ReachSettings, folder: Path) -> Iterator[str]:
    """Measure, a network at a time; then write the table and the figure. Yields what is done, in words."""
    how = asdict(settings)
    how.pop("seeds")
    cases = [{"network": network, "seed": 1 + n, **how} for n in range(settings.seeds) for network in NETWORKS]
    rows: list[Row] = []
    new_figure(1)  # what it needs is missed now, not after the work
    for case, found in zip(cases, run_cases(cases, reach_of, folder), strict=True):
        rows += found
        yield f"{case['network']}, seed {case['seed']}: " + ", ".join(
            f"{row['accuracy']:.0%} after {row['distance']}" for row in found
        )
    _draw(rows, settings, folder / "figure.png")
    yield write_table(_table(rows, settings), folder)


def reach_of(
    *, network: str, seed: int, distances, hidden: int, batch: int, steps: int, learns_on: float,
    learning_rate: float, clip: float,
) -> list[Row]:  # fmt: skip
    """One network's accuracy at each distance, and the steps of training it took there."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    reader = Reader(hidden, **NETWORKS[network])
    optimiser = torch.optim.Adam(reader.parameters(), lr=learning_rate)
    rows, learns = [], True
    for distance in distances:
        taken = 0
        if learns:
            taken = len(learn(reader, optimiser, distance, random, steps=steps, batch=batch, clip=clip).losses)
        right = accuracy(reader, distance, random, count=512)
        learns = learns and right >= learns_on
        rows.append({"network": network, "seed": seed, "distance": distance, "accuracy": right, "steps": taken})
    return rows


def _table(rows: list[Row], settings: ReachSettings) -> list[Row]:
    """A line a network: at each distance the lowest and the highest accuracy over the seeds, in percent."""
    table = []
    for network in NETWORKS:
        line: Row = {"network": network}
        for distance in settings.distances:
            found = [row["accuracy"] for row in rows if (row["network"], row["distance"]) == (network, distance)]
            low, high = (f"{100 * end(found):.0f}" for end in (min, max))
            line[f"after {distance}"] = low if low == high else f"{low} to {high}"
        table.append(line)
    return table


def _draw(rows: list[Row], settings: ReachSettings, file: Path) -> None:
    figure, (axis,) = new_figure(1)
    for network in NETWORKS:
        means = []
        for distance in settings.distances:
            found = [row["accuracy"] for row in rows if (row["network"], row["distance"]) == (network, distance)]
            means.append(100 * sum(found) / len(found))
        axis.plot(settings.distances, means, marker="o", label=network)
    axis.axhline(25, color="grey", linestyle=":", label="chance")
    axis.set(xscale="log", xlabel="steps between the symbol and the question", ylabel="right, %, mean of seeds",
             ylim=(0, 104))  # fmt: skip
    axis.legend(fontsize="small")
    figure.savefig(file)
