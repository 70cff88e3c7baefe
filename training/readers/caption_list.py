"""Collecting captions: every reader adds its photos to a `CaptionList`, which checks them and makes records."""

import glob
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from runtime.archive import escapes_root

from .cells import is_blank, text_of
from .columns import USUAL, Columns
from .image_folder import ImageFolder
from .records import SPLITS, CaptionRecord, Problems


class CaptionList:
    """Collects the records of one data set; what cannot be one is counted in `problems` and left out."""

    def __init__(self, photos: ImageFolder, problems: Problems, columns: Columns = USUAL):
        self.photos, self.problems, self.columns = photos, problems, columns
        self._records: dict[Path, CaptionRecord] = {}
        self._has_folder: dict[str, bool] = {}

    @property
    def records(self) -> list[CaptionRecord]:
        return list(self._records.values())

    def add(
        self, *, image: object, image_id: str, captions: Iterable[object], split: str | None, folder: object = ""
    ) -> None:
        """One photo with all its captions, as they stand in the file; a photo that comes again gets more of them.

        Args:
            image: its name in the data set.
            split: one of SPLITS, or None where the data set puts it in no such split.
            folder: where the photo is, in a data set that has this folder; in any other its name alone must do.
        """
        photo = self._photo(image, folder)
        if photo is None:
            return
        if split is None:
            self.problems.add("images are in no known split", image)
            return
        texts = self._texts(captions, image)
        if texts:
            self._keep(CaptionRecord(photo, image_id, texts, split))

    def _photo(self, name: object, folder: object) -> Path | None:
        if isinstance(name, str) and isinstance(folder, str) and self._holds(folder) and not escapes_root(name):
            name = f"{folder.rstrip('/')}/{name}"
        return self.photos.find_or_report(name, self.problems)

    def _holds(self, folder: str) -> bool:
        """Whether the data set has this folder, at its top or one level down."""
        if folder not in self._has_folder:
            name = glob.escape(folder)
            usable = bool(folder.strip("./\\")) and not escapes_root(folder)
            places = (place for start in ("", "*/") for place in self.photos.root.glob(start + name)) if usable else ()
            self._has_folder[folder] = any(place.is_dir() for place in places) or (
                usable and self.photos.has_in(folder)
            )
        return self._has_folder[folder]

    def _texts(self, captions: Iterable[object], image: object) -> tuple[str, ...]:
        texts = []
        for caption in chain.from_iterable(c if isinstance(c, list) else [c] for c in captions):
            text = " ".join(text_of(caption).split()) if isinstance(caption, str) else None
            if not is_blank(text):
                texts.append(text)
            else:
                self.problems.add("captions are not text" if text is None else "captions are empty", f"one of {image}")
        if not texts:
            self.problems.add("images have no captions", image)
        return tuple(texts)

    def _keep(self, record: CaptionRecord) -> None:
        known = self._records.get(record.image)
        if known is not None:
            if known.split != record.split:
                self.problems.add("images are in two splits and are kept out of the earlier one", record.image.name)
            split = max(known.split, record.split, key=SPLITS.index)  # a photo tested on must not be trained on
            new = tuple(caption for caption in record.captions if caption not in known.captions)
            if len(new) < len(record.captions):
                self.problems.add("images have the same captions twice, which count once", record.image.name)
            record = CaptionRecord(known.image, known.image_id, known.captions + new, split)
        self._records[record.image] = record


class UniqueIds:
    """Tells whether an id comes for the first time; each that comes again is counted as `fault`. No id is no fault."""

    def __init__(self, fault: str, problems: Problems):
        self._fault, self._problems = fault, problems
        self._seen: set[str] = set()

    def __call__(self, key: str | None) -> bool:
        if key in self._seen:
            self._problems.add(self._fault, key)
            return False
        if key is not None:
            self._seen.add(key)
        return True
