"""The files of a data set's photos: which have the same content, and which cannot be opened."""

from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from encoders.images import open_photo
from runtime.errors import PhotoError
from training.caches.photos import DECODERS
from training.readers.records import SPLITS, CaptionRecord, QuestionRecord

from .report import Duplicates, Leak

SIDE = 16  # pixels: a JPEG is decoded at an eighth, and still read to its last byte
CHUNK = 512  # photos handed to the threads together: memory does not grow with the data set
MAX_EXAMPLES = 5  # examples


@dataclass(frozen=True)
class CheckProgress:
    """Progress of a check: `done` of `total` photos; `what` names the step."""

    what: str
    done: int
    total: int


def photos_by_split(records: Sequence[CaptionRecord | QuestionRecord]) -> dict[str, list[Path]]:
    """The photos of each split that has any, each once."""
    found: dict[str, dict[Path, None]] = {}
    for record in records:
        found.setdefault(record.split, {})[record.image] = None
    return {split: list(found[split]) for split in SPLITS if split in found}


def find_duplicates(splits: dict[str, list[Path]]) -> Generator[CheckProgress, None, Duplicates]:
    """Compare photos by a digest of their bytes; a file whose size no other has need not be read."""
    sizes = {path: size for photos in splits.values() for path in photos if (size := _size(path)) is not None}
    alike = Counter(sizes.values())
    content: dict[Path, Hashable] = {path: path for photos in splits.values() for path in photos}
    unknown = 0 in alike  # the size of a photo in a Parquet file, before it is read
    compared = [path for path in sizes if unknown or alike[sizes[path]] > 1]
    for done, (path, digest) in enumerate(_thread_map(_digest, compared), start=1):
        content[path] = digest or path
        yield CheckProgress("comparing photos", done, len(compared))
    by_content = {split: {content[photo]: photo for photo in reversed(photos)} for split, photos in splits.items()}
    within = {split: len(photos) - len(by_content[split]) for split, photos in splits.items()}
    pairs = [("train", "val"), ("train", "test"), ("val", "test")]
    leaks = [_leak(pair, splits, content, by_content) for pair in pairs if set(pair) <= splits.keys()]
    return Duplicates({split: n for split, n in within.items() if n}, tuple(leak for leak in leaks if leak.photos))


def _leak(pair: tuple[str, str], splits: dict, content: dict, by_content: dict) -> Leak:
    earlier, split = pair
    shared = [photo for photo in splits[split] if content[photo] in by_content[earlier]]
    examples = tuple((photo.name, by_content[earlier][content[photo]].name) for photo in shared[:MAX_EXAMPLES])
    return Leak(split, earlier, len(shared), len(shared) / len(splits[split]), examples)


def find_unopenable(photos: Sequence[Path]) -> Generator[CheckProgress, None, dict[Path, str]]:
    """Open every photo; which cannot be, and the sentence that says why."""
    bad = {}
    for done, (path, why) in enumerate(_thread_map(_open_error, photos), start=1):
        if why:
            bad[path] = why
        yield CheckProgress("opening photos", done, len(photos))
    return bad


def _thread_map(function: Callable, items: Sequence) -> Iterator[tuple]:
    """(item, what the function gives for it), in order. Reading, digesting and decoding all release Python's lock."""
    with ThreadPoolExecutor(DECODERS) as pool:
        for first in range(0, len(items), CHUNK):
            chunk = items[first : first + CHUNK]
            yield from zip(chunk, pool.map(function, chunk), strict=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _digest(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            digest = blake2b(digest_size=16)
            while part := file.read(1 << 20):
                digest.update(part)
            return digest.digest()
    except OSError:
        return None


def _open_error(path: Path) -> str | None:
    try:
        open_photo(path, min_side=SIDE)
    except PhotoError as error:
        return str(error)
    return None
