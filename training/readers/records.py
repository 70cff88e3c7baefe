"""What every reader gives, whatever the files looked like: records, and a list of what was wrong with the rest."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from encoders.archives import EmbeddedFile
from runtime.errors import printable

PhotoFile: TypeAlias = Path | EmbeddedFile

SPLITS = ("train", "val", "test")
REMEDIES = {
    "image names fit more than one photo": " (--strip-prefix takes off what stands before the folder)",
}


@dataclass(frozen=True)
class CaptionRecord:
    """One photo and all its captions."""

    image: PhotoFile
    image_id: str
    captions: tuple[str, ...]
    split: str  # one of SPLITS
    data_set: str = ""  # the name of its data set, where there are several


@dataclass(frozen=True)
class QuestionRecord:
    """One question about one photo, and what people answered: ten answers, one, or (a test file) none."""

    image: PhotoFile
    question_id: str
    question: str
    answers: tuple[str, ...]
    split: str  # one of SPLITS
    kind: str = ""  # the data set's own type of question or answer: "yes/no", "colour", ...
    data_set: str = ""  # the name of its data set, where there are several


@dataclass(frozen=True)
class ObjectLabel:
    """One thing in a photo, by its bounding box.

    Attributes:
        name, kind: what it is, and what sort of thing that is ("dog", "animal"); the kind empty where it is not told.
        x, y, width, height: of the box, its centre first, as shares of the photo's width and height.
        crowd: several of them in one box.
    """

    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    crowd: bool = False

    @property
    def area(self) -> float:
        """The box's share of the photo."""
        return self.width * self.height


@dataclass(frozen=True)
class ObjectRecord:
    """One photo and everything in it that was labelled."""

    image: PhotoFile
    image_id: str
    objects: tuple[ObjectLabel, ...]
    split: str  # one of SPLITS

    @property
    def names(self) -> set[str]:
        return {label.name for label in self.objects}

    def of(self, name: str) -> list[ObjectLabel]:
        return [label for label in self.objects if label.name == name]


@dataclass
class Problems:
    """What a reader left out: a count and the first few examples of each kind of fault."""

    counts: Counter = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, fault: str, example: object) -> None:
        self.counts[fault] += 1
        shown_so_far = self.examples.setdefault(fault, [])
        if len(shown_so_far) < 3:
            shown_so_far.append(printable(str(example)))

    def merge(self, others: "Problems") -> None:
        """Count another data set's faults too."""
        for fault, count in others.counts.items():
            self.counts[fault] += count
            self.examples[fault] = (self.examples.get(fault, []) + others.examples[fault])[:3]

    def sentences(self) -> list[str]:
        """One line a fault: `12 images are missing, such as a.jpg, b.jpg`."""
        return [
            f"{count} {fault}, such as {', '.join(self.examples[fault])}{REMEDIES.get(fault, '')}"
            for fault, count in self.counts.items()
        ]


@dataclass
class Dataset:
    """A data set as its reader found it; `records` are all CaptionRecord, all QuestionRecord or all ObjectRecord."""

    format: str
    records: list
    problems: Problems
    made: tuple[str, ...] = ()  # splits that it did not have, made from its training photos
    unused: tuple[str, ...] = ()  # photos of its folder that no row names

    def split(self, name: str) -> list:
        return [record for record in self.records if record.split == name]
