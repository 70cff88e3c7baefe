"""The training reward is the field's own CIDEr-D."""

import pytest
from pycocoevalcap.cider.cider import Cider

from training.metrics.cider import CiderD

REFERENCES = [
    ["a dog runs on the grass", "a brown dog is running", "the dog runs"],
    ["a man in a red shirt", "a man wears a red shirt and a hat"],
    ["two children play on the beach", "children playing on a beach", "two kids on a beach by the sea"],
    ["a dog jumps over a fence", "the brown dog jumps"],
]
CANDIDATES = ["a dog runs on the grass", "a man in a hat in a hat in a hat", "kids", "a bird flies"]


def test_every_score_equals_pycocoevalcap_s():
    mean, each = Cider().compute_score(dict(enumerate(REFERENCES)), {i: [c] for i, c in enumerate(CANDIDATES)})
    ours = CiderD([[r.split() for r in image] for image in REFERENCES])
    scores = [ours(image, candidate.split()) for image, candidate in enumerate(CANDIDATES)]
    assert scores == pytest.approx(list(each)) and sum(scores) / 4 == pytest.approx(mean)
    assert scores[0] > scores[1] > 0 == scores[3]


def test_a_missing_end_costs():
    ended = CiderD([[[*r.split(), "<end>"] for r in image] for image in REFERENCES])
    whole = ended(2, "two children play on the beach <end>".split())
    assert whole > ended(2, "two children play on the beach".split()) > ended(2, "two children play on the".split())


def test_an_empty_candidate_scores_nothing():
    assert CiderD([["a b".split()], ["c d".split()]])(0, []) == 0


def test_scoring_leaves_nothing_behind():
    cider = CiderD([["a b".split()], ["c d".split()]])
    known = len(cider._rarity)
    for n in range(5):
        cider(0, ["a", f"new{n}"])
    assert len(cider._rarity) == known
