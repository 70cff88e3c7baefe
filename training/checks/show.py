"""A check's report for people: in words, and in columns and bars for a terminal, coloured where it has colours."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from runtime.errors import printable
from training.readers.records import REMEDIES

from .report import Report, leak_sentence

BAR = 30  # characters of the longest bar
BARS = 10  # of a histogram, about
MAX_TEXT = 160  # characters of a text that is shown


def draw_report(report: Report, data: Iterable[str], console: Console) -> None:
    """Print the report."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for label, content in _sections(report):
        rows.add_row(label, content)
    kind = "captions" if report.kind == "captions" else "questions and answers"
    console.print(Text(f"{', '.join(map(printable, data))}: {kind}, format {report.format}\n", style="bold"))
    console.print(rows)


def facts(report: Report) -> dict[str, str]:
    """The report as text: label -> lines, without labels that would be empty."""
    photos, words = report.photos, report.wording
    more = [f"and {(photos.undecodable or 0) - len(photos.why):,} more"] * ((photos.undecodable or 0) > len(photos.why))
    rows = {
        "Photos": _photos(report),
        "Left out": "\n".join(f"{n.count:,} {fault}, such as {', '.join(n.examples)}{REMEDIES.get(fault, '')}"
                              for fault, n in report.left_out.items()),
        "Not used": _unused(report),
        "Cannot be opened": "\n".join([*photos.why.values(), *more]),
        "The same photo": _copies(report),
        report.kind.capitalize(): f"{words.texts:,}; {words.least:,} to {words.most:,} a photo, {words.mean:.2f} on "
                                  "average",
        "Longest": _longest(words.longest),
        "Letters": ", ".join(f"{script} {share:.1%}" for script, share in list(words.scripts.items())[:5]) or "none",
        "Training": _prospect(report),
    }  # fmt: skip
    return {label: text for label, text in rows.items() if text}


def _sections(report: Report) -> Iterable[tuple[str, RenderableType]]:
    yield from facts(report).items()
    yield "Words in one", _bars(report.wording.lengths)
    yield "Words known", _vocabulary(report)
    if report.answering:
        yield "Answers", _answers(report)
    verdict = "\n".join(report.stops) or "nothing; training can begin"
    yield "Stops training", Text(verdict, style="red" if report.stops else "green")


def _photos(report: Report) -> str:
    photos = report.photos
    splits = [f"{name} {n:,}" + " (made)" * (name in photos.made) for name, n in photos.splits.items()]
    opened = "not opened" if photos.undecodable is None else f"{photos.undecodable:,} cannot be opened"
    return f"{photos.found:,}: {', '.join(splits)}\n{photos.missing:,} missing; {opened}"


def _unused(report: Report) -> str:
    photos = report.photos
    names = ", ".join(photos.unused_examples)
    return f"{photos.unused:,} photos of the folder are in no row, such as {names}" if photos.unused else ""


def _copies(report: Report) -> str:
    within = [f"copies within {split}: {n:,}" for split, n in report.copies.within.items()]
    return "\n".join([*map(leak_sentence, report.copies.leaks), *within]) or "is nowhere twice"


def _bars(lengths: dict[int, int]) -> Table:
    """How many texts have so many words, a few lengths to a bar."""
    width = -(-(max(lengths) + 1) // BARS)
    counts = [0] * (max(lengths) // width + 1)
    for length, texts in lengths.items():
        counts[length // width] += texts
    rows = Table.grid(padding=(0, 2))
    rows.add_column(justify="right")
    rows.add_column(justify="right")
    shortest = min(length for length, texts in lengths.items() if texts) // width
    for n, count in enumerate(counts[shortest:], start=shortest):
        span = f"{n * width}-{(n + 1) * width - 1}" if width > 1 else str(n)
        rows.add_row(span, f"{count:,}", "█" * round(BAR * count / max(counts)))
    return rows


def _longest(longest: dict) -> str:
    text = longest["text"]
    text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
    return f"{longest['words']:,} words, of {longest['image']}: {text}"


def _vocabulary(report: Report) -> Table:
    words = report.wording
    rows = _columns(f"{words.words:,} different", "learnt", "<unk> in val and test")
    for count, known in words.by_count.items():
        rows.add_row(f"--min-count {count}", f"{known.words:,}", _percent(known.unknown))
    for size, known in words.by_size.items():
        rows.add_row(f"--max-size {size}", f"{known.words:,}", _percent(known.unknown))
    return rows


def _answers(report: Report) -> Table:
    answers = report.answering
    rows = _columns(f"{answers.answers:,} different", *(f"right in {split}" for split in answers.coverage))
    for size in next(iter(answers.coverage.values())):
        rows.add_row(f"--most-answers {size}", *(_percent(shares[size]) for shares in answers.coverage.values()))
    rows.add_row("no answer", f"{answers.unanswered:,}")
    return rows


def _columns(*heads: str) -> Table:
    rows = Table.grid(padding=(0, 3))
    rows.add_column()
    for _ in heads[1:]:
        rows.add_column(justify="right")
    rows.add_row(*heads)
    return rows


def _prospect(report: Report) -> str:
    about, needs = report.prospect, report.needs
    if about is None:
        return ""
    answers = (
        "" if about.answers is None else f" and {about.answers:,} answers, right for {_percent(about.covered)} of val"
    )
    unknown = "" if about.unknown is None else f"; of those in val and test, it does not know {about.unknown:.1%}"
    lines = [f"a model that knows {about.words:,} words{answers}{unknown}"]
    if needs:
        lines += [
            f"disk {_bytes(needs.disk)}, of {_bytes(needs.disk_free)} free; memory {_bytes(needs.memory)}"
            + (f", of the GPU {_bytes(needs.gpu_memory)}" if needs.gpu_memory else ""),
            f"{duration(needs.caching)} to prepare the photos, once; then {duration(needs.epoch)} an epoch and "
            f"{duration(needs.validation)} to validate, as measured now",
        ]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _bytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """About how long: `90 s`, `12 min`, `3.5 h`."""
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
