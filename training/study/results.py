"""What a study found, on disk: its cases as they are done, its table, its figure."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from runtime.errors import SettingError

Row = dict[str, object]


def run_cases(cases: Iterable[dict], measure: Callable[..., list[Row]], folder: Path) -> Iterator[list[Row]]:
    """The rows of each case in turn: `measure(**case)`, or read back where an earlier call had them already.

    Args:
        cases: all that decides what is measured, as plain JSON; `folder`: holds `cases.jsonl`, a line a case.
    """
    file = folder / "cases.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    done = {_key(case): rows for case, rows in _read(file)}
    for case in cases:
        if _key(case) not in done:
            rows = measure(**case)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"case": case, "rows": rows}) + "\n")
            done[_key(case)] = rows
        yield done[_key(case)]


def _key(case: dict) -> str:
    return json.dumps(case, sort_keys=True)


def _read(file: Path) -> Iterator[tuple[dict, list[Row]]]:
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            found = json.loads(line)
        except ValueError:  # the last line of a study that was killed while it wrote
            continue
        yield found["case"], found["rows"]


def write_table(rows: Sequence[Row], folder: Path, name: str = "table") -> str:
    """Write NAME.csv, the numbers in full, and NAME.md, for people; the latter comes back."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    lines = [names, ["---"] * len(names), *([_format(row.get(name, "")) for name in names] for row in rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return text


def _format(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def new_figure(panels: int):
    """A figure of so many panels side by side, and their axes.

    Raises:
        SettingError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SettingError(
            "a study draws its figure with matplotlib; run: pip install '.[train]', and call it again."
        ) from None
    figure = Figure(figsize=(5.2 * panels, 4), layout="constrained", dpi=110)
    return figure, figure.subplots(1, panels, squeeze=False)[0]
