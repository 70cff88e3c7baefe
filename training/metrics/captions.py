"""How good captions are: BLEU, METEOR, ROUGE-L and CIDEr-D by the field's own scorers, on the 0-100 scale.

Tokens are made without Java: nltk's Treebank tokenizer, lower case, COCO's list of punctuation left out. How much
that differs from the field's Java tokenizer is in `docs/log.md`; `benchmarks/tokenization.py` measures it.
"""

import contextlib
import io
import shutil
import subprocess
from collections.abc import Sequence

from nltk.tokenize import TreebankWordTokenizer
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

from runtime.errors import SettingError

_treebank = TreebankWordTokenizer()
_punctuation = frozenset(PUNCTUATIONS)


def score_tokens(caption: str) -> str:
    """A caption as the scorers see it: its tokens with one space between them."""
    return " ".join(t for t in _treebank.tokenize(caption.lower()) if t not in _punctuation)


def why_no_meteor() -> str | None:
    """Why METEOR cannot be computed here, as a sentence; None where it can."""
    found = shutil.which("java")  # macOS has a `java` that only says there is none: it must be run to know
    works = found and subprocess.run([found, "-version"], capture_output=True, check=False).returncode == 0
    return None if works else "METEOR 1.5 is a Java program; install Java 8 or later to have it."


def caption_scores(
    candidates: Sequence[str], references: Sequence[Sequence[str]], *, meteor: bool = False
) -> dict[str, float | None]:
    """Scores of one caption for each photo against that photo's references.

    Args:
        meteor: compute METEOR too, ten seconds or more of Java; else it is None.

    Returns:
        `bleu_1` to `bleu_4` (Papineni et al. 2002), `meteor` (Denkowski & Lavie 2014), `rouge_l` (Lin 2004) and
        `cider` (CIDEr-D, Vedantam et al. 2015), 0-100; CIDEr can be more.

    Raises:
        SettingError: there is nothing to score, a caption has no reference, or the two lists do not match.
    """
    if not candidates or len(candidates) != len(references) or not all(references):
        raise SettingError(
            f"{len(candidates)} captions and {len(references)} lists of references cannot be scored; "
            "give one caption for each photo, and at least one reference."
        )
    candidates_by_id = {n: [score_tokens(c)] for n, c in enumerate(candidates)}
    references_by_id = {n: [score_tokens(r) for r in refs] for n, refs in enumerate(references)}
    with contextlib.redirect_stdout(io.StringIO()):  # the scorers print; standard output is for results
        bleu, _ = Bleu(4).compute_score(references_by_id, candidates_by_id, verbose=0)
        rouge, _ = Rouge().compute_score(references_by_id, candidates_by_id)
        cider, _ = Cider().compute_score(references_by_id, candidates_by_id)
        score = _meteor(references_by_id, candidates_by_id) if meteor else None
    scores = {f"bleu_{n}": 100 * b for n, b in enumerate(bleu, 1)}
    return scores | {"meteor": score, "rouge_l": 100 * float(rouge), "cider": 100 * float(cider)}


def _meteor(references_by_id: dict, candidates_by_id: dict) -> float | None:
    """METEOR 1.5, 0-100; None where Java does not work, or stopped."""
    if why_no_meteor():
        return None
    from pycocoevalcap.meteor.meteor import Meteor

    scorer = Meteor()
    try:
        return 100 * scorer.compute_score(references_by_id, candidates_by_id)[0]
    except (OSError, ValueError):  # Java stopped, for want of memory for one: its answer is cut short
        return None
    finally:
        if scorer.lock.locked():  # or the scorer waits for ever when it is deleted
            scorer.lock.release()
        with contextlib.suppress(BrokenPipeError):  # what Java never read is still waiting here
            scorer.meteor_p.stdin.close()
        scorer.meteor_p.kill()
        scorer.meteor_p.wait()
        scorer.meteor_p.stdout.close()
        scorer.meteor_p.stderr.close()


def distinct_share(captions: Sequence[str]) -> float:
    """How many different captions there are, as a share of all; near 0, a model says the same of every photo."""
    return len(set(captions)) / max(1, len(captions))
