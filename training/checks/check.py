"""What a data set holds and what of it would ruin a training run. Computes; prints nothing."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from encoders.text import Vocabulary
from runtime.errors import DataError, printable
from training.readers.records import Dataset, QuestionRecord
from training.tasks.question_data import Questions
from vqa.answers import AnswerSet

from .photo_files import MAX_EXAMPLES, CheckProgress, find_duplicates, find_unopenable, photos_by_split
from .report import Duplicates, ModelFit, Needs, Photos, Report, Skipped, leak_sentence
from .wording import answering, texts_of, unknown_share, wording

MAX_MISSING = 0.5  # of the photos, or of the questions; beyond these shares a run would be ruined
MAX_UNOPENABLE = 0.5  # of the photos
MAX_LEAKED = 0.05  # of a val or test split's photos: above it, scores say little about new photos
MAX_UNKNOWN = 0.5  # of the words of the val and test texts
MIN_COVERED = 0.2  # best accuracy possible on the val questions

MISSING = ("images are missing", "image names fit more than one photo", "image names leave the folder")


@dataclass(frozen=True)
class QuickReport:
    """The result of `check_quickly`; fields as of `Report`."""

    copies: Duplicates
    prospect: ModelFit
    stops: tuple[str, ...]


def check(
    found: Dataset | Questions,
    model,
    *,
    open_photos: bool = True,
    measure: Iterator[CheckProgress | Needs] | None = None,
) -> Iterator[CheckProgress | Report]:
    """Look through a data set; a stream of what is being done, then the report.

    Args:
        model: the captioner or answerer that would be trained on it, or the error with which that would be refused.
        open_photos: whether to try to open each photo.
        measure: what `estimate.measure` gives, to be run last; nothing is measured where None.
    """
    splits = photos_by_split(found.records)
    copies = yield from find_duplicates(splits)
    photos = list(dict.fromkeys(photo for part in splits.values() for photo in part))
    bad = (yield from find_unopenable(photos)) if open_photos else None
    prospect = None if isinstance(model, DataError) else _prospect(found, model)
    questions = isinstance(found.records[0], QuestionRecord)
    stops = [*faults(found, copies, prospect), *unopenable_photos_fault(len(bad or ()), len(photos))]
    if prospect is None:
        stops = stops or [str(model)]
    needs = None
    try:
        needs = yield from _measured(measure or iter(()))
    except DataError as error:
        stops = stops or [str(error)]
    yield Report(
        kind="questions" if questions else "captions",
        format=found.format,
        photos=Photos(
            found=len(photos),
            splits={split: len(part) for split, part in splits.items()},
            made=found.made,
            missing=_missing(found),
            undecodable=None if bad is None else len(bad),
            why={printable(path.name): why for path, why in list((bad or {}).items())[:MAX_EXAMPLES]},
            unused=len(found.unused),
            unused_examples=tuple(map(printable, found.unused[:MAX_EXAMPLES])),
        ),
        left_out={f: Skipped(n, tuple(found.problems.examples[f])) for f, n in found.problems.counts.items()},
        copies=copies,
        wording=wording(found.records),
        answering=answering(found.records) if questions else None,
        prospect=prospect,
        needs=needs,
        stops=(*stops, *_disk_fault(needs)),
    )


def check_quickly(found: Dataset | Questions, model) -> Iterator[CheckProgress | QuickReport]:
    """The part of `check` that training runs before it begins: it opens no photo and measures nothing."""
    copies = yield from find_duplicates(photos_by_split(found.records))
    prospect = _prospect(found, model)
    yield QuickReport(copies, prospect, tuple(faults(found, copies, prospect)))


def _measured(measure: Iterator[CheckProgress | Needs]) -> Generator[CheckProgress, None, Needs | None]:
    needs = None
    for record in measure:
        if isinstance(record, CheckProgress):
            yield record
        else:
            needs = record
    return needs


def _missing(found: Dataset | Questions) -> int:
    return sum(found.problems.counts[fault] for fault in MISSING)


def _prospect(found: Dataset | Questions, model) -> ModelFit:
    vocabulary: Vocabulary = model.vocabulary
    answers: AnswerSet | None = getattr(model, "answers", None)
    held_out = (text for record in found.records if record.split != "train" for text in texts_of(record))
    answered = [r.answers for r in found.split("val") if r.answers] if answers is not None else []
    return ModelFit(
        words=len(vocabulary),
        answers=None if answers is None else len(answers),
        unknown=unknown_share(vocabulary, held_out),
        covered=answers.coverage(answered) if answered else None,
    )


def faults(found: Dataset | Questions, copies: Duplicates, prospect: ModelFit | None) -> list[str]:
    """Sentences on what would ruin a run: what it is, how much, what to do."""
    sentences, missing, records = [], _missing(found), len(found.records)
    what = f"{missing + records:,} photos"
    if isinstance(found.records[0], QuestionRecord):
        what = f"{missing + records:,} questions have photos that"
    if missing > MAX_MISSING * (missing + records):
        example = next(found.problems.examples[fault][0] for fault in MISSING if found.problems.counts[fault])
        sentences.append(
            f"{missing:,} of {what} were not found, such as {printable(example)}; give the folder that has them, or "
            "mend their names."
        )
    for split in ("train", "val"):
        if not found.split(split):
            sentences.append(f"the data has no {split} photo; add some, or name their split.")
    for leak in copies.leaks:
        if leak.also_in == "train" and leak.share > MAX_LEAKED:
            sentences.append(f"{leak_sentence(leak)}; take these photos out of train.")
    if prospect is None:
        return sentences
    if (prospect.unknown or 0) > MAX_UNKNOWN:
        sentences.append(
            f"the model would know {prospect.words:,} words, and {prospect.unknown:.0%} of the words of the val and "
            "test texts are none of them; lower --min-count, or give --unit character."
        )
    if prospect.covered is not None and prospect.covered < MIN_COVERED:
        sentences.append(
            f"with its {prospect.answers:,} answers, {prospect.covered:.0%} of the val questions could be answered "
            "right; raise --most-answers, lower --min-answers, or give data with answers that come again."
        )
    return sentences


def _disk_fault(needs: Needs | None) -> Sequence[str]:
    if needs is None or needs.disk <= needs.disk_free:
        return ()
    free, wanted = needs.disk_free / 1e9, needs.disk / 1e9
    return (f"the cache takes {wanted:.1f} GB and there are {free:.1f} GB free; name another disk with --cache.",)


def unopenable_photos_fault(bad: int, photos: int) -> Sequence[str]:
    """The sentence that should stop a run, if so many of its photos cannot be opened."""
    if bad <= MAX_UNOPENABLE * photos:
        return ()
    return (f"{bad:,} of {photos:,} photos cannot be opened; copy or download them again.",)
