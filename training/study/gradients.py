"""Exploding and vanishing gradients, measured: how much of a loss at the end arrives at each step before it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from runtime.errors import SettingError

from .first_symbol import Reader, learn, sequences
from .results import Row, new_figure, run_cases, write_table

NETWORKS = {
    "RNN": {"cell": "rnn"},
    "GRU": {"cell": "gru"},
    "LSTM, forget bias 0": {"cell": "lstm", "forget_bias": 0.0},
    "LSTM, forget bias 1": {"cell": "lstm", "forget_bias": 1.0},
}
SCALES = (0.5, 0.9, 1.0, 1.1, 1.5)  # all singular values of the RNN's recurrent matrix
CLIPS = {"no clipping": float("inf"), "clipped to norm 1": 1.0}


@dataclass(frozen=True)
class GradientSettings:
    """Sizes of the study.

    Attributes:
        length: of the sequences that gradients are sent back through.
        hidden: H; batch: sequences.
        steps: of training, at most, on the first symbol after `distance` steps.
        clip_steps, clip_scale, clip_rate: of the run that explodes: steps of SGD at this learning rate, on an RNN whose
            singular values start at this.
        seed: of everything random.
    """

    length: int = 100
    hidden: int = 32
    batch: int = 32
    steps: int = 300
    distance: int = 10
    clip_steps: int = 300
    clip_scale: float = 1.2
    clip_rate: float = 0.5
    seed: int = 1

    def __post_init__(self):
        for name in ("length", "hidden", "batch", "steps", "distance", "clip_steps"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more.")


def gradients(settings: GradientSettings, folder: Path) -> Iterator[str]:
    """Measure, a case at a time; then write the table and the figure. Yields what is done, in words."""
    new_figure(1)  # what it needs is missed now, not after the work
    how = asdict(settings)
    parts = {
        "flow": (gradient_flow, "network", NETWORKS),
        "scale": (scaled_rnn, "scale", SCALES),
        "clip": (clipped_run, "clip", CLIPS),
    }
    rows: dict[str, list[Row]] = {}
    for part, (measure, name, choices) in parts.items():
        cases = [{name: choice, **how} for choice in choices]
        rows[part] = []
        for case, found in zip(cases, run_cases(cases, measure, folder / part), strict=True):
            rows[part] += found
            yield f"{part}: {case[name]}"
    _draw(rows, folder / "figure.png")
    yield write_table(_table(rows["flow"] + rows["scale"], settings), folder)
    yield write_table(_clip_table(rows["clip"]), folder, "clipping")


def gradient_norms(reader: Reader, x: Tensor, first: Tensor) -> list[float]:
    """‖∂L/∂s‖ of the loss at the end, by distance from it: 0 first. Means over the batch.

    s is all that a step hands on to the next: h, and of an LSTM h and c.
    """
    state, states = reader.recurrent.initial_state(x), []
    for now in x.unbind(1):
        _, state = reader.recurrent.step(now, state)
        states.append(state)
    loss = cross_entropy(reader.output(state[:, -1, 0]), first, reduction="sum")
    arrived = torch.autograd.grad(loss, states)
    return [g.flatten(1).norm(dim=1).mean().item() for g in reversed(arrived)]


def gradient_flow(*, network: str, seed: int, **how) -> list[Row]:
    """A network's gradient norms before and after it has learnt, relative to the loss's own at the end."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    reader, rows = Reader(how["hidden"], **NETWORKS[network]), []
    for when in ("before", "after"):
        if when == "after":
            optimiser = torch.optim.Adam(reader.parameters(), lr=0.005)
            learn(reader, optimiser, how["distance"], random, steps=how["steps"], batch=how["batch"], clip=1.0)
        norms = gradient_norms(reader, *sequences(how["batch"], how["length"], random))
        rows += [{"what": network, "training": when, "distance": d, "norm": n / norms[0]} for d, n in enumerate(norms)]
    return rows


def rnn_of_scale(hidden: int, scale: float) -> Reader:
    """An RNN whose recurrent matrix is `scale` times an orthogonal one: all its singular values are `scale`."""
    reader = Reader(hidden, cell="rnn", init="orthogonal")
    with torch.no_grad():
        reader.recurrent.layers[0].weight_hh *= scale
    return reader


def scaled_rnn(*, scale: float, seed: int, **how) -> list[Row]:
    """Gradient norms of an RNN by its singular values. Its inputs are small, so that tanh is nearly linear at first."""
    torch.manual_seed(seed)
    reader = rnn_of_scale(how["hidden"], scale)
    (cell,) = reader.recurrent.layers
    for weight in (cell.weight_ih, cell.bias_ih, cell.bias_hh):
        nn.init.uniform_(weight, -1e-3, 1e-3)
    x, first = sequences(how["batch"], how["length"], torch.Generator().manual_seed(seed))
    norms = gradient_norms(reader, x, first)
    return [{"what": f"RNN, singular values {scale}", "training": "before", "distance": d, "norm": n / norms[0]}
            for d, n in enumerate(norms)]  # fmt: skip


def clipped_run(*, clip: str, seed: int, **how) -> list[Row]:
    """Loss and gradient norm at each step of a run with large singular values and plain SGD."""
    torch.manual_seed(seed)
    reader = rnn_of_scale(how["hidden"], how["clip_scale"])
    seen = learn(
        reader, torch.optim.SGD(reader.parameters(), lr=how["clip_rate"]), how["distance"],
        torch.Generator().manual_seed(seed), steps=how["clip_steps"], batch=how["batch"], clip=CLIPS[clip],
        stop_when_solved=False,
    )  # fmt: skip
    pairs = zip(seen.losses, seen.norms, strict=True)
    return [{"what": clip, "step": step, "loss": loss, "norm": norm} for step, (loss, norm) in enumerate(pairs, 1)]


def _table(rows: list[Row], settings: GradientSettings) -> list[Row]:
    """Norms at a few distances."""
    distances = [d for d in (1, 10, 30, 100, 300, 1000) if d <= settings.length]
    table: dict[tuple, Row] = {}
    for row in rows:
        if row["distance"] in distances:
            line = table.setdefault(
                (row["what"], row["training"]), {"network": row["what"], "training": row["training"]}
            )
            line[f"{row['distance']} before"] = row["norm"]
    return list(table.values())


def _clip_table(rows: list[Row]) -> list[Row]:
    """Of the run with clipping and of that without: the largest norm, the largest loss, the mean of the last 50."""
    table = []
    for clip in CLIPS:
        run = [row for row in rows if row["what"] == clip]
        losses = [row["loss"] for row in run]
        table.append({
            "network": clip, "largest norm": max(row["norm"] for row in run), "largest loss": max(losses),
            "last loss": sum(losses[-50:]) / len(losses[-50:]),
        })  # fmt: skip
    return table


def _draw(rows: dict[str, list[Row]], file: Path) -> None:
    figure, (flows, scales, clips) = new_figure(3)
    for axis, part, title in ((flows, "flow", "dashed: before training; solid: after"),
                              (scales, "scale", "an untrained RNN")):  # fmt: skip
        lines: dict[tuple, list[Row]] = {}
        for row in rows[part]:
            lines.setdefault((row["what"], row["training"]), []).append(row)
        colours = {what: f"C{n}" for n, what in enumerate(dict.fromkeys(what for what, _ in lines))}
        for (what, training), line in lines.items():
            dashed = part == "flow" and training == "before"
            axis.plot([r["distance"] for r in line], [r["norm"] for r in line], color=colours[what],
                      linestyle="--" if dashed else "-", label=None if dashed else what)  # fmt: skip
        axis.set(yscale="log", ylim=(1e-12, 1e12), xlabel="steps before the loss", title=title,
                 ylabel="gradient norm, of that at the loss")  # fmt: skip
        axis.legend(fontsize="small")
    for clip in CLIPS:
        run = [row for row in rows["clip"] if row["what"] == clip]
        clips.plot([r["step"] for r in run], [r["loss"] for r in run], label=clip, linewidth=1)
    clips.set(yscale="log", xlabel="step of SGD", ylabel="loss", title="an RNN that explodes")
    clips.legend(fontsize="small")
    figure.savefig(file)
