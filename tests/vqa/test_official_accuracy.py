"""VQA accuracy as the official evaluation counts it: figures worked out by its rule, not by our code.

Ten people answered. Leaving out each in turn, the given answer is worth min(1, matches among the other nine / 3); the
score is the mean of the ten, in percent.
"""

import pytest

from training.metrics.answers import answer_scores, official_accuracy
from training.readers.records import QuestionRecord

CASES = [  # ten answers, the given one, its official accuracy
    ("yes " * 10, "yes", 100.0),
    ("yes " * 10, "no", 0.0),
    ("no " * 9 + "yes", "yes", 30.0),  # nine see 1 of 3, one sees none: 9 / 3 / 10
    ("no " * 8 + "yes yes", "yes", 60.0),  # eight see 2 of 3, two see 1 of 3: (8 * 2 + 2) / 3 / 10
    ("no " * 7 + "yes " * 3, "yes", 90.0),  # seven see 3 of 3, three see 2 of 3: (7 + 2) / 10
    ("no " * 6 + "yes " * 4, "yes", 100.0),
    ("two two 2 2 three three three three three three", "2", 100.0),  # they disagree, so number words count as digits
    ("two 2 three three three three three three three three", "2", 60.0),
    ("two " * 10, "2", 0.0),  # they agree, so nothing is normalised
]


@pytest.mark.parametrize(("answers", "given", "percent"), CASES)
def test_a_question_scores_what_the_official_evaluation_gives(answers, given, percent):
    assert 100 * official_accuracy(answers.split(), given) == pytest.approx(percent)


def test_a_data_set_scores_the_mean_of_its_questions():
    records = [QuestionRecord(f"{n}.jpg", str(n), "?", tuple(case[0].split()), "test") for n, case in enumerate(CASES)]
    scores = answer_scores(records, [given for _, given, _ in CASES])
    assert scores["accuracy"] == pytest.approx(sum(percent for *_, percent in CASES) / len(CASES))
