"""Caption scores: known values, the edges, and nothing on standard output."""

import math
import os
import shutil
import subprocess
import sys

import pytest

from runtime.errors import SettingError
from training.metrics import captions as metrics
from training.metrics.captions import caption_scores, distinct_share, score_tokens, why_no_meteor

CANDIDATES = ["a dog runs on the grass", "a man in a red shirt", "two children play"]
REFERENCES = [
    ["a dog runs on the green grass", "the brown dog is running"],
    ["a man wears a red shirt", "a man in a hat"],
    ["two kids play on a beach", "children on the sand"],
]
KEYS = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider"]


def test_bleu_by_hand():
    """5 of 6 words, 3 of 5 pairs, 1 of 4 triples are in the reference, and the lengths are the same."""
    scores = caption_scores(["the cat sat on the mat"], [["the cat is on the mat"]])
    assert scores["bleu_1"] == pytest.approx(100 * 5 / 6)
    assert scores["bleu_2"] == pytest.approx(100 * math.sqrt(5 / 6 * 3 / 5))
    assert scores["bleu_3"] == pytest.approx(100 * (5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3))
    assert scores["bleu_4"] == pytest.approx(0, abs=0.1)


def test_a_short_caption_pays_for_its_brevity():
    scores = caption_scores(["a dog"], [["a dog runs fast"]])
    assert scores["bleu_1"] == pytest.approx(100 * math.exp(1 - 4 / 2))


def test_rouge_l_by_hand():
    """The longest common subsequence, `a dog runs`, is 3 of the candidate's 4 words and 3 of the reference's 5."""
    precision, recall, beta = 3 / 4, 3 / 5, 1.2
    expected = (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
    scores = caption_scores(["a brown dog runs"], [["a dog always runs fast"]])
    assert scores["rouge_l"] == pytest.approx(100 * expected)


def test_a_perfect_match_has_the_highest_scores():
    candidates = ["a dog runs on grass", "two men talk in town", "the red car stops here"]
    scores = caption_scores(candidates, [[text] for text in candidates])
    for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l"):
        assert scores[name] == pytest.approx(100)
    assert scores["cider"] == pytest.approx(1000)  # CIDEr-D runs to 10, and is printed times 100


def test_cider_is_the_d_variant():
    """Repeating the right words gains nothing: counts are clipped, and a wrong length costs."""
    repeated = ["dog grass " * 8, *CANDIDATES[1:]]
    plain = ["dog grass", *CANDIDATES[1:]]
    assert caption_scores(repeated, REFERENCES)["cider"] < caption_scores(plain, REFERENCES)["cider"]


def test_keys_and_plain_numbers():
    scores = caption_scores(CANDIDATES, REFERENCES)
    assert list(scores) == KEYS
    assert all(type(value) is float for name, value in scores.items() if name != "meteor")


def test_order_of_photos_and_of_references_changes_nothing():
    back = caption_scores(CANDIDATES[::-1], [refs[::-1] for refs in REFERENCES[::-1]])
    assert back == pytest.approx(caption_scores(CANDIDATES, REFERENCES))


def test_an_empty_caption_scores_nothing_and_spoils_no_other():
    nothing = caption_scores(["", "", ""], REFERENCES)
    assert all(nothing[name] == pytest.approx(0) for name in KEYS if name != "meteor")
    assert caption_scores(["", *CANDIDATES[1:]], REFERENCES)["bleu_1"] > 0


def test_case_and_punctuation_do_not_count():
    assert score_tokens('A dog, "running", isn\'t it?') == "a dog running is n't it"
    shouted = [text.upper() + " !" for text in CANDIDATES]
    assert caption_scores(shouted, REFERENCES) == pytest.approx(caption_scores(CANDIDATES, REFERENCES))


def test_meteor_is_none_unless_asked_for():
    assert caption_scores(CANDIDATES, REFERENCES)["meteor"] is None


def test_without_java_there_is_a_reason(monkeypatch):
    monkeypatch.setattr(metrics.shutil, "which", lambda name: None)
    assert "Java" in why_no_meteor()


@pytest.mark.skipif(os.name == "nt", reason="the false java is a shell script")
@pytest.mark.parametrize("knows_of_it", [True, False])
def test_a_java_that_does_not_work_gives_none(tmp_path, monkeypatch, knows_of_it):
    """As on a Mac without Java; and when it breaks only after the check. Without care the scorer waits for ever."""
    false_java = tmp_path / "java"
    false_java.write_text("#!/bin/sh\nexit 1\n")
    false_java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert "Java" in why_no_meteor()
    if not knows_of_it:
        monkeypatch.setattr(metrics, "why_no_meteor", lambda: None)
    assert caption_scores(CANDIDATES, REFERENCES, meteor=True)["meteor"] is None


@pytest.mark.parametrize(("candidates", "references"), [([], []), (["a"], []), (["a"], [[]]), (["a"], [["b"], ["c"]])])
def test_what_cannot_be_scored_is_refused(candidates, references):
    with pytest.raises(SettingError, match="cannot be scored"):
        caption_scores(candidates, references)


@pytest.mark.skipif(shutil.which("java") is None, reason="METEOR needs Java")
def test_with_java_there_is_no_reason():
    assert why_no_meteor() is None


def test_standard_output_stays_clean():
    """In a process of its own: the scorers, and Java, would write past any capture inside this one."""
    code = "from training.metrics.captions import caption_scores as s; s(['a dog', 'a cat'], [['a dog'], ['a c']])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_distinct_share():
    assert distinct_share(["a", "b", "a", "a"]) == 0.5
    assert distinct_share(["a", "b"]) == 1
    assert distinct_share([]) == 0
