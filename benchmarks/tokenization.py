"""Our Java-free tokens against the field's Java tokenizer: how many captions differ, and what that does to scores.

The candidates are people's own: the first caption of each photo, judged against the photo's others. Needs Java.

    python benchmarks/tokenization.py FLICKR8K [--split test]
"""

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from itertools import chain

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from runtime.errors import GlimpseError
from training.metrics.captions import score_tokens
from training.readers import read_captions

Tokens = list[list[str]]  # for each photo, its captions with a space between tokens


def java_tokens(captions: Tokens) -> Tokens:
    """What COCO's evaluation makes of the captions."""
    rows = {photo: [{"caption": caption} for caption in texts] for photo, texts in enumerate(captions)}
    return list(PTBTokenizer().tokenize(rows).values())


def our_tokens(captions: Tokens) -> Tokens:
    return [[score_tokens(caption) for caption in texts] for texts in captions]


def timed(tokenizer: Callable[[Tokens], Tokens], captions: Tokens) -> tuple[Tokens, float]:
    start = time.perf_counter()
    tokens = tokenizer(captions)
    return tokens, round(time.perf_counter() - start, 2)


def scores(tokens: Tokens) -> dict[str, float]:
    """BLEU-4 and CIDEr-D, 0-100, of each photo's first caption against its others."""
    candidates = {photo: texts[:1] for photo, texts in enumerate(tokens)}
    references = {photo: texts[1:] for photo, texts in enumerate(tokens)}
    bleu, _ = Bleu(4).compute_score(references, candidates, verbose=0)
    cider, _ = Cider().compute_score(references, candidates)
    return {"bleu_4": round(100 * bleu[3], 3), "cider": round(100 * float(cider), 3)}


def compare(captions: Tokens) -> dict:
    java, java_seconds = timed(java_tokens, captions)
    ours, our_seconds = timed(our_tokens, captions)
    flat = zip(*map(chain.from_iterable, (captions, ours, java)), strict=True)
    different = [{"caption": c, "ours": o, "java": j} for c, o, j in flat if o != j]
    return {
        "photos": len(captions),
        "captions": sum(map(len, captions)),
        "different": len(different),
        "ours": scores(ours) | {"seconds": our_seconds},
        "java": scores(java) | {"seconds": java_seconds},
        "examples": different[:5],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("data", help="a data set of captions, such as Flickr8k's folder")
    options.add_argument("--split", default="test", choices=("train", "val", "test"))
    given = options.parse_args()
    if not shutil.which("java"):
        options.error("there is no java command on this machine; install Java 8 or later.")
    try:
        records = read_captions(given.data).split(given.split)
    except GlimpseError as error:
        options.error(str(error))
    captions = [list(record.captions) for record in records if len(record.captions) > 1]
    if not captions:
        options.error(f"the {given.split} split of {given.data} has no photo with two captions; choose another split.")
    with contextlib.redirect_stdout(sys.stderr):  # the scorers may print
        result = compare(captions)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
