"""The lecture's choices of a captioner: attention, layers, highway; argmax or sampling, what word is fed back."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .captioners import CaptionerSettings, caption_metrics, decode_captions, train_case
from .results import Row, new_figure, run_cases, write_table

NETWORKS = {
    "attention, 1 layer": {},
    "no attention": {"attention_size": 0},
    "2 layers": {"layers": 2},
    "3 layers": {"layers": 3},
    "2 layers, highway": {"layers": 2, "highway": True},
    "3 layers, highway": {"layers": 3, "highway": True},
}
DECODINGS = ("argmax", "sampling", "softmax")  # of finding a caption; the last feeds back the whole softmax vector


def choices(settings: CaptionerSettings, folder: Path) -> Iterator[str]:
    """Train each network, find captions in each way; write the table and the figure. Yields what is done, in words."""
    new_figure(1)  # what it needs is missed now, not after the work
    cases = [settings.case(name, options, seed) for seed in range(1, settings.seeds + 1)
             for name, options in NETWORKS.items()]  # fmt: skip
    rows: list[Row] = []
    for case, found in zip(cases, run_cases(cases, partial(_scores, folder), folder), strict=True):
        rows += found
        yield f"{case['network']}, seed {case['seed']}: CIDEr {found[0]['cider']:.1f}"
    table = _table(rows)
    _draw(table, folder / "figure.png")
    yield write_table(table, folder)


def _scores(folder: Path, **case) -> list[Row]:
    task, row = train_case(case, folder)
    others = [
        row | caption_metrics(task, decode_captions(task, way, case["seed"])) | {"way": way} for way in DECODINGS[1:]
    ]
    return [row | {"way": DECODINGS[0]}, *others]


def _table(rows: list[Row]) -> list[Row]:
    """A line a network and way, means over the seeds; the spread is the highest CIDEr less the lowest."""
    table = []
    for network in NETWORKS:
        for way in DECODINGS:
            own = [row for row in rows if (row["network"], row["way"]) == (network, way)]
            ciders = [row["cider"] for row in own]
            different = sum(row["distinct"] for row in own) / len(own)
            table.append({"network": network, "captions by": way, "seeds": len(own), "CIDEr": sum(ciders) / len(own),
                          "spread": max(ciders) - min(ciders), "different captions, %": 100 * different})  # fmt: skip
    return table


def _draw(table: list[Row], file: Path) -> None:
    figure, (axis,) = new_figure(1)
    for way in DECODINGS:
        own = [line for line in table if line["captions by"] == way]
        axis.plot([line["CIDEr"] for line in own], [line["network"] for line in own], "o", label=way)
    axis.set(xlabel="CIDEr on val photos")
    axis.legend(fontsize="small")
    figure.savefig(file)
