"""Every cell as a captioner's decoder, trained alike. After "LSTM: A Search Space Odyssey" (Greff et al. 2017)."""

from collections.abc import Iterator
from pathlib import Path

from encoders.recurrent import LSTMVariantCell

from .captioners import CaptionerSettings, train_case
from .results import Row, new_figure, run_cases, write_table

CLOSE_CIDER = 1.0  # points of CIDEr: so near to the best, one seed does not tell
CHANGES = [name for name in LSTMVariantCell.VARIANTS if name != "peepholes"]
NETWORKS = {
    "rnn": {"cell": "rnn"},
    "gru": {"cell": "gru"},
    "lstm (no peepholes)": {"cell": "lstm"},
    "vanilla (peepholes)": {"cell": "lstm", "variant": "peepholes"},
    **{f"vanilla, {name}": {"cell": "lstm", "variant": f"peepholes,{name}"} for name in CHANGES},
}


def odyssey(settings: CaptionerSettings, folder: Path) -> Iterator[str]:
    """Train each network with one seed, then those close to the best with the others; write the table and the figure.

    Yields what is done, in words. A study that is called again goes on where it was stopped.
    """
    new_figure(1)  # what it needs is missed now, not after the work
    rows: list[Row] = []

    def train(networks: list[str], seeds: range) -> Iterator[str]:
        cases = [settings.case(name, NETWORKS[name], seed) for seed in seeds for name in networks]
        for found in run_cases(cases, lambda **case: [train_case(case, folder)[1]], folder):
            rows.extend(found)
            yield f"{found[0]['network']}, seed {found[0]['seed']}: CIDEr {found[0]['cider']:.1f}"

    yield from train(list(NETWORKS), range(1, 2))
    best = max(row["cider"] for row in rows)
    close = [row["network"] for row in rows if row["cider"] >= best - CLOSE_CIDER]
    yield from train(close, range(2, settings.seeds + 1))
    table = _table(rows)
    _draw(table, rows, folder / "figure.png")
    yield write_table(table, folder)


def _table(rows: list[Row]) -> list[Row]:
    """A line a network, the best mean first; the spread is the highest less the lowest of its seeds."""
    table = []
    for network in NETWORKS:
        own = [row for row in rows if row["network"] == network]
        ciders = [row["cider"] for row in own]
        table.append({
            "network": network, "seeds": len(own), "CIDEr": sum(ciders) / len(own), "spread": max(ciders) - min(ciders),
            "recurrent parameters": own[0]["recurrent_parameters"],
            "captions/s": round(max(row["captions_a_second"] for row in own)),
        })  # fmt: skip
    return sorted(table, key=lambda line: -line["CIDEr"])


def _draw(table: list[Row], rows: list[Row], file: Path) -> None:
    figure, (axis,) = new_figure(1)
    names = [line["network"] for line in reversed(table)]
    axis.barh(names, [line["CIDEr"] for line in reversed(table)], color="lightgrey")
    axis.plot([row["cider"] for row in rows], [row["network"] for row in rows], "k.", label="one seed")
    axis.set(xlabel="CIDEr on val photos")
    axis.legend(fontsize="small")
    figure.savefig(file)
