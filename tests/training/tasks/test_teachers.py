"""Knowledge distillation: what a student is taught, in its own words and answers, and that it learns it."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from test_losses import PLAIN, QUESTIONS, TableAnswers
from vqa_toys import QUESTIONS as TEXTS
from vqa_toys import question_folder, small_answerer

from encoders.text import Vocabulary, pad
from runtime.errors import ModelError, SettingError
from training.config.fit import FitSettings
from training.config.task import VqaSettings
from training.loop.fit import fit
from training.tasks.answer_loss import AnswerLoss
from training.tasks.question_data import read_all
from training.tasks.teachers import Teachers
from training.tasks.vqa import VqaTask
from vqa import load

ANSWERS = ("red", "green", "blue", "yellow", "left", "right", "yes", "no")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A teacher that never learnt, but is surer of some answers than of others; its temperature is not 1."""
    teacher = small_answerer()
    teacher.temperature = 0.7
    return teacher.save(tmp_path_factory.mktemp("teacher") / "model")


def asked(answerer, *questions: str):
    """Features of one photo, and these questions about it: arguments of a network, in the answerer's own words."""
    torch.manual_seed(3)
    tokens, lengths = (torch.from_numpy(x)[None] for x in pad([answerer.vocabulary.encode(q) for q in questions]))
    rows, cols = answerer.network.grid
    return torch.rand(1, rows * cols, answerer.network.feature_size), tokens, lengths


def probabilities(folder, *questions: str) -> np.ndarray:
    """(Q, N): what a model tells of each answer, as people see it."""
    teacher = load(folder, exact=True)
    features = asked(teacher, *questions)[0]
    found = teacher.look_at(features).ask_all(questions, top=8)
    return np.array([[{a.text: a.probability for a in each}[answer] for answer in teacher.answers] for each in found])


def test_a_teacher_tells_the_probabilities_that_it_shows(folder):
    student = small_answerer()
    told = Teachers([str(folder)], student)(*asked(student, *TEXTS))
    assert told.dtype == torch.float32 and told.shape == (1, 3, 8) and not told.requires_grad
    np.testing.assert_allclose(told[0], probabilities(folder, *TEXTS), atol=1e-5)


def test_in_the_student_s_words_and_answers(folder):
    student = small_answerer(answers=("no", "purple", "left", "yes"))
    student.vocabulary = Vocabulary.build(["is the red square", "purple it colour what"])  # other ids, and fewer words
    told = Teachers([str(folder)], student)(*asked(student, "what colour is the square?", "is it purple?"))[0]
    known = probabilities(folder, "what colour is the square?", "is it xyz?")
    wanted = known[:, [ANSWERS.index(answer) for answer in ("no", "left", "yes")]]
    np.testing.assert_allclose(told[:, [0, 2, 3]], wanted / wanted.sum(axis=1, keepdims=True), atol=1e-5)
    assert (told[:, 1] == 0).all()


def test_several_teachers_count_alike(folder, tmp_path):
    student, other = small_answerer(), small_answerer(answers=ANSWERS[:5])
    second = str(other.save(tmp_path / "second"))
    first, last, both = (Teachers(names, student)(*asked(student, *TEXTS)) for names in
                         ([str(folder)], [second], [str(folder), second]))  # fmt: skip
    torch.testing.assert_close(both, (first + last) / 2)
    assert (last[..., 5:] == 0).all() and not torch.allclose(first, last)


def test_a_question_asked_blind_is_blind_to_the_teacher(folder):
    student = small_answerer()
    features, tokens, lengths = asked(student, *TEXTS)
    teachers, blind = Teachers([str(folder)], student), torch.tensor([[True, False, True]])
    seen, unseen = teachers(features, tokens, lengths), teachers(features, tokens, lengths, blind)
    elsewhere = teachers(features.flip(2), tokens, lengths, blind)
    assert (seen == unseen).all(2).tolist() == [[False, True, False]]
    assert (elsewhere == unseen).all(2).tolist() == [[True, False, True]]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_shared_between_people_and_teachers(smoothing):
    def taught(features, tokens, lengths, blind):
        return torch.tensor([[[0.2, 0.2, 0.6], [0.0, 1.0, 0.0]]])

    told = -(0.2 * log(0.5) + 0.2 * log(0.3) + 0.6 * log(0.2) + log(0.3)) / 2
    people = (1 - smoothing) * PLAIN - smoothing * (log(0.5) + log(0.3) + log(0.2)) / 3
    loss = AnswerLoss(TableAnswers(), smoothing=smoothing, teachers=taught, teacher_weight=0.7)
    assert loss(QUESTIONS).item() == pytest.approx(0.3 * people + 0.7 * told)
    part = replace(QUESTIONS, all_questions=8)
    assert loss(part).item() == pytest.approx(loss(QUESTIONS).item() / 4), "its share of a batch's mean"


def test_teachers_see_no_dropped_words_and_as_much_of_the_photos_as_the_student():
    seen = []

    def taught(features, tokens, lengths, blind):
        seen.append((tokens, blind))
        return torch.zeros(1, 2, 3)

    AnswerLoss(TableAnswers(), blind=0.999999, word_dropout=0.999999, teachers=taught, teacher_weight=0.5)(QUESTIONS)
    [(tokens, blind)] = seen
    assert (tokens == QUESTIONS.tokens).all() and blind.all()


def test_a_student_learns_its_teacher_s_answers(tmp_path):
    """The teacher answers contrary to the data; a student taught by it alone, nearly, comes to answer as it does."""
    records = read_all([question_folder(tmp_path / "data")]).records
    how = {"epochs": 6, "seed": 1, "cache": tmp_path / "cache"}

    def trained(name: str, records, **settings):
        task = VqaTask(small_answerer(dropout=0.0), records, VqaSettings(batch=8, blind=0.0, **settings), **how)
        list(task.prepare())
        list(fit(task, FitSettings(epochs=6, learning_rate=0.01, precision="32"), tmp_path / name))
        predictions = task.predict("val")
        return dict(zip(((r.image, r.question) for r in predictions.records), predictions.answers, strict=True))

    swap = {"yes": "no", "no": "yes", "left": "right", "right": "left"}
    contrary = [replace(r, answers=tuple(swap.get(a, a) for a in r.answers)) for r in records]
    teacher = trained("teacher", contrary)
    alone, taught = trained("alone", records), trained(
        "taught", records, teacher=(str(tmp_path / "teacher" / "best"),), teacher_weight=0.95
    )  # fmt: skip
    same = [sum(answer == teacher[key] for key, answer in found.items()) / len(teacher) for found in (alone, taught)]
    assert same[1] > 0.8 and same[1] > same[0] + 0.3, same


def test_refusals(folder, tmp_path):
    student = small_answerer()
    with torch.no_grad():
        next(student.network.encoder.parameters()).add_(1)
    with pytest.raises(SettingError, match="another encoder"):
        Teachers([str(folder)], student)
    with pytest.raises(SettingError, match="none of the 2 answers"):
        Teachers([str(folder)], small_answerer(answers=("cat", "dog")))
    student = small_answerer()
    student.vocabulary = Vocabulary.build(TEXTS, unit="character")
    with pytest.raises(SettingError, match="reads words, the model to train characters"):
        Teachers([str(folder)], student)
    with pytest.raises(ModelError, match="nowhere"):
        Teachers([str(tmp_path / "nowhere")], small_answerer())
