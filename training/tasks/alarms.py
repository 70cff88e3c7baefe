"""What looks wrong with a run, each in one sentence with what to try.

Rules over what validation measured, and over a few of the photos; they know no model.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from encoders.images import open_photo
from runtime.errors import PhotoError, printable
from training.loop.alarms import Alarm

ALARM_SCORES = ("commonest", "shuffled_cider", "attention_entropy", "attention_movement")  # scores of no other interest
SAMPLED_PHOTOS = 64  # photos of a data set
MIN_COUNT = 8  # photos or captions that are enough to say something of them all


def caption_alarms(scores: dict[str, float | None], photos: int) -> list[Alarm]:
    """What `training.tasks.captioner.CaptionTask.validate` measured on so many photos, judged."""
    if photos < MIN_COUNT:
        return []
    found = attention_alarms(scores)
    if scores["distinct"] < 0.05 or scores["commonest"] > 0.5:
        found.append(Alarm(
            "collapse",
            f"{scores['commonest']:.0%} of the validation captions are the same sentence and {scores['distinct']:.0%} "
            "are distinct, so the photo hardly matters to the model; lower --learning-rate, add --word-dropout 0.2, or "
            "give it an encoder that has been trained (--encoder-weights).",
        ))  # fmt: skip
    if scores["cider"] < 1.2 * scores["shuffled_cider"] + 0.5:
        found.append(Alarm(
            "shuffled",
            f"the validation captions fit other photos as well as their own (CIDEr {scores['shuffled_cider']:.1f} when "
            f"shuffled, {scores['cider']:.1f} as they are); check that the data gives each photo its own captions, and "
            "that the encoder has been trained (--encoder-weights).",
        ))  # fmt: skip
    return found


def attention_alarms(scores: dict[str, float | None]) -> list[Alarm]:
    """Whether the model looks anywhere in particular; scores without an attention in them raise none."""
    entropy, movement = scores.get("attention_entropy"), scores.get("attention_movement")
    if entropy is not None and entropy > 0.995:
        return [Alarm(
            "flat attention",
            f"the attention is flat (its entropy is {entropy:.1%} of the most there can be): the model sees the mean "
            "of the photo; train longer, raise --learning-rate, or give it an encoder that has been trained.",
        )]  # fmt: skip
    if movement is not None and movement < 0.02:
        return [Alarm(
            "still attention",
            f"the attention is the same for every word (it moves by {movement:.1%} from word to word); add "
            "--look-everywhere 1, or a smaller --stride or larger --image-size for a finer grid.",
        )]  # fmt: skip
    return []


def answer_alarms(scores: dict[str, float | None], questions: int) -> list[Alarm]:
    """What `training.tasks.vqa.VqaTask.validate` measured on so many questions, judged."""
    if questions < MIN_COUNT:
        return []
    found = attention_alarms(scores)
    seen, blind = scores["accuracy"], scores["question_only_accuracy"]
    if seen < blind + 0.5:
        found.append(Alarm(
            "blind",
            f"the answers are no better with the photo ({seen:.1f}) than without it ({blind:.1f}): the model guesses "
            "from the question; if that lasts, train the encoder too (--finetune-encoder), or check that the questions "
            "are about their own photos.",
        ))  # fmt: skip
    return found


def commonest_share(captions: Sequence[str]) -> float:
    """The share of the captions that are the commonest one; 1 where all are the same."""
    return Counter(captions).most_common(1)[0][1] / len(captions) if captions else 0.0


def entropy(p: Tensor) -> Tensor:
    """Entropy of distributions (..., L), as a share of the most there can be, log L: 1 where flat, 0 on one cell."""
    return torch.special.entr(p).sum(-1) / max(1e-9, float(np.log(p.shape[-1])))


def movement(p: Tensor) -> Tensor:
    """How far the attention to each word is from the mean over the words: total variation, 0..1. p (T, L) -> (T,)."""
    return (p - p.mean(0)).abs().sum(-1) / 2


def photo_alarms(paths: Sequence[Path]) -> list[Alarm]:
    """Whether photos, a few from all over the list, have hardly any light and dark in them.

    So look masks and 16-bit scans taken for photos, and files that an earlier step spoilt.
    """
    sampled = list(paths)[:: max(1, len(paths) // SAMPLED_PHOTOS)][:SAMPLED_PHOTOS]
    with ThreadPoolExecutor(2) as pool:
        ranges = [(path, low, high) for path, (low, high) in zip(sampled, pool.map(_range, sampled), strict=True)]
    flat = [(path, low, high) for path, low, high in ranges if high - low < 16]
    if len(sampled) < MIN_COUNT or 2 * len(flat) < len(sampled):
        return []
    path, low, high = flat[0]
    return [Alarm(
        "pixels",
        f"{len(flat)} of {len(sampled)} photos looked at are nearly one colour (the pixels of {printable(path)} go "
        f"from {low:.0f} to {high:.0f} of 0 to 255); look at the files: they may be masks, or badly converted "
        "from 16 bits.",
    )]  # fmt: skip


def _range(path: Path) -> tuple[float, float]:
    """The darkest and the lightest pixel, but for the last hundredth; 0 and 255 of a file that cannot be opened."""
    try:
        small = open_photo(path, min_side=64).resize((64, 64))
    except PhotoError:  # it is left out, and that is told elsewhere
        return 0.0, 255.0
    low, high = np.percentile(np.asarray(small), (1, 99))
    return float(low), float(high)
