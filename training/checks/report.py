"""What a check of a data set tells. Computes nothing and imports no PyTorch, so that the page can hold and show it."""

from dataclasses import dataclass

from runtime.errors import printable


@dataclass(frozen=True)
class Skipped:
    """A fault that readers found: how often, and the first examples."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Photos:
    """The photos of a data set.

    Attributes:
        splits: split -> how many; made: those splits that the data set did not have.
        missing: names in the data set's files for which there is no one photo: of captions counted once a photo,
            of questions once a question.
        undecodable: how many cannot be opened, None where that was not tried; why: name -> reason, the first few.
        unused: how many photos of the folder no row names, where many a mistake shows first; examples: the first few.
    """

    found: int
    splits: dict[str, int]
    made: tuple[str, ...]
    missing: int
    undecodable: int | None
    why: dict[str, str]
    unused: int = 0
    unused_examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leak:
    """Photos of one split that are also in an earlier one.

    Attributes:
        photos: how many; share: of the split's photos, 0..1.
        examples: (name, name of the same photo in the earlier split), the first few.
    """

    split: str
    also_in: str
    photos: int
    share: float
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Duplicates:
    """Photos that are the same file, byte for byte, whatever their names.

    Attributes:
        within: split -> how many of its photos repeat another of it.
        leaks: for each two splits that share photos.
    """

    within: dict[str, int]
    leaks: tuple[Leak, ...]


@dataclass(frozen=True)
class KnownWords:
    """A vocabulary made of the training texts: its size, and the share of the held-out words outside it, 0..1."""

    words: int
    unknown: float | None


@dataclass(frozen=True)
class Wording:
    """The captions, or the questions, of a data set.

    Attributes:
        texts: how many; least, mean, most: how many a photo has.
        lengths: words in a text -> how many texts.
        longest: `{"words", "text", "image"}`.
        words: different words in all.
        by_count: how often a word must occur to be learnt -> the vocabulary; by_size: of the most frequent words.
        scripts: script -> share of the letters, 0..1, the most frequent first; other_scripts: of those not Latin.
    """

    texts: int
    least: int
    mean: float
    most: int
    lengths: dict[int, int]
    longest: dict
    words: int
    by_count: dict[int, KnownWords]
    by_size: dict[int, KnownWords]
    scripts: dict[str, float]
    other_scripts: float


@dataclass(frozen=True)
class Answering:
    """The answers of a data set of questions.

    Attributes:
        answers: how many different ones the training questions have.
        unanswered: questions that have none.
        coverage: split -> so many most frequent answers -> the best accuracy that is possible with them, 0..1.
    """

    answers: int
    unanswered: int
    coverage: dict[str, dict[int, float]]


@dataclass(frozen=True)
class ModelFit:
    """How the data suit the model that would be trained.

    Attributes:
        words: it would know; answers: it could give (None for a captioner).
        unknown: share of the words of val and test texts that it would read as <unk>, 0..1.
        covered: the best accuracy it could reach on the val questions, 0..1.
    """

    words: int
    answers: int | None
    unknown: float | None
    covered: float | None


@dataclass(frozen=True)
class Needs:
    """What a run on the train and val photos would take on this machine.

    Attributes:
        disk: bytes of the cache of features (of decoded photos, where the encoder is trained too).
        disk_free: bytes there are where it would stand.
        memory: bytes, reckoned from the growth of this process while it measured; None where the system does not tell.
        gpu_memory: bytes on the GPU, reckoned in the same way; None without one.
        caching: seconds to fill the cache, once.
        epoch: seconds of an epoch.
        validation: seconds of the validation after it.
    """

    disk: int
    disk_free: int
    memory: int | None
    gpu_memory: int | None
    caching: float
    epoch: float
    validation: float


@dataclass(frozen=True)
class Report:
    """What `python -m training check` tells.

    Attributes:
        kind: `captions` or `questions`; format: as `--format` names it.
        left_out: fault -> what readers left out for it.
        prospect: None where no model could be made of the data.
        needs: of training; None where that was not measured.
        stops: the sentences with which training would refuse this data set.
    """

    kind: str
    format: str
    photos: Photos
    left_out: dict[str, Skipped]
    copies: Duplicates
    wording: Wording
    answering: Answering | None
    prospect: ModelFit | None
    needs: Needs | None
    stops: tuple[str, ...]


def leak_sentence(leak: Leak) -> str:
    """`31 of the 100 test photos (31.0%) are also in train, such as a.jpg (there b.jpg)`."""
    total = round(leak.photos / leak.share)
    mine, theirs = leak.examples[0]
    there = "" if mine == theirs else f" (there {printable(theirs)})"
    return (
        f"{leak.photos:,} of the {total:,} {leak.split} photos ({leak.share:.1%}) are also in {leak.also_in}, such as "
        f"{printable(mine)}{there}"
    )
