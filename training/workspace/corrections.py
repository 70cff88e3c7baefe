"""What people correct on the page, kept as two data sets that `readers` read again: captions, and questions."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from PIL import Image

from runtime.atomic import atomic_write, write_json, write_text
from runtime.errors import DataError, GlimpseError, SettingError, printable

MAX_CORRECTIONS = 10_000  # corrections of a kind: no visitor fills the disk
MAX_CHARACTERS = 500  # characters of a caption, a question or an answer
CAPTIONS, QUESTIONS, PHOTOS = "captions.json", "questions.jsonl", "photos"


class Corrections:
    """Captions and answers that people put right, and the photos they are about.

    A photo is known by its pixels: corrected twice, it is one photo of the data set. A second caption of it is kept
    beside the first, as COCO has five of each; a second answer to a question takes the place of the first. Files are
    written aside and renamed, so whoever reads them finds the old ones or the new ones whole. Threads and processes may
    share it.

    Args:
        folder: where both data sets are; made with the first correction.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._lock = FileLock(self.folder / ".lock")  # of threads and processes

    @property
    def captions_folder(self) -> Path:
        """A data set of captions in COCO's form."""
        return self.folder / "captions"

    @property
    def questions_folder(self) -> Path:
        """A data set of questions, JSON lines."""
        return self.folder / "questions"

    def __len__(self) -> int:
        """How many captions and answers there are."""
        return len(self._captions()["annotations"]) + len(self._questions())

    def add_caption(self, photo: Image.Image, caption: str) -> None:
        """Keep the right caption of a photo.

        Raises:
            SettingError: it is empty, too long, or one too many.
            DataError: it cannot be written.
        """
        caption = _clean_text(caption, "caption")
        with self._locked():
            data = self._captions()
            images, captions = data["images"], data["annotations"]
            _require_room(captions)
            file = _save_photo(photo, self.captions_folder)
            ids = {image["file_name"]: image["id"] for image in images}
            if file not in ids:
                ids[file] = len(images) + 1
                images.append({"id": ids[file], "file_name": file})
            if not any(c["image_id"] == ids[file] and c["caption"] == caption for c in captions):
                captions.append({"id": len(captions) + 1, "image_id": ids[file], "caption": caption})
            write_json(self.captions_folder / CAPTIONS, data)

    def add_answer(self, photo: Image.Image, question: str, answer: str) -> None:
        """Keep the right answer to a question about a photo. Raises as `add_caption` does."""
        question, answer = _clean_text(question, "question"), _clean_text(answer, "answer")
        with self._locked():
            rows = self._questions()
            _require_room(rows)
            file = _save_photo(photo, self.questions_folder)
            rows = [row for row in rows if (row["image"], row["question"]) != (file, question)]
            rows.append({"image": file, "question": question, "answer": answer})
            lines = (json.dumps(row, ensure_ascii=False) for row in rows)
            write_text(self.questions_folder / QUESTIONS, "\n".join(lines) + "\n")

    def _captions(self) -> dict:
        return json.loads(_read(self.captions_folder / CAPTIONS) or '{"images": [], "annotations": []}')

    def _questions(self) -> list[dict]:
        return [json.loads(line) for line in _read(self.questions_folder / QUESTIONS).split("\n") if line]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                yield
        except GlimpseError:
            raise
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise DataError(f"the correction cannot be kept in {printable(self.folder)} ({why}); look there.") from None


def _clean_text(given: str, what: str) -> str:
    text = " ".join(given.encode("utf-8", "replace").decode().split())
    if not text:
        raise SettingError(f"the {what} is empty; write one.")
    if len(text) > MAX_CHARACTERS:
        raise SettingError(f"the {what} has {len(text):,} characters; write at most {MAX_CHARACTERS}.")
    return text


def _require_room(rows: list) -> None:
    if len(rows) >= MAX_CORRECTIONS:
        raise SettingError(
            f"{MAX_CORRECTIONS:,} corrections are kept already; train on them, then move their folder away."
        )


def _save_photo(photo: Image.Image, folder: Path) -> str:
    """The photo's name in a data set, in whose folder it then is."""
    photo = photo.convert("RGB")
    digest = hashlib.sha256(repr(photo.size).encode() + photo.tobytes()).hexdigest()[:24]
    file = folder / PHOTOS / f"{digest}.jpg"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as jpeg:
            photo.save(jpeg, format="JPEG", quality=95, subsampling=0)
    return f"{PHOTOS}/{file.name}"


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
