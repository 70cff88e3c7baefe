"""A question's vector is the last valid state of its words, whatever stands behind them."""

import pytest
import torch
from torch import nn

from encoders.question import QuestionEncoder
from encoders.recurrent import CELLS
from encoders.text import PAD, Vocabulary, pad

VOCABULARY = Vocabulary.build(["what colour is the dog", "how many"])
QUESTIONS = ["what colour is the dog", "how many", "dog", "is the dog the colour"]

each_cell = pytest.mark.parametrize("cell", CELLS)


def make(cell: str = "lstm", **how) -> QuestionEncoder:
    torch.manual_seed(0)
    sizes = {"vocabulary_size": len(VOCABULARY), "embedding_size": 3, "hidden_size": 5}
    return QuestionEncoder(cell=cell, **sizes, **how).double().eval()


def batch(questions: list[str] = QUESTIONS):
    return tuple(map(torch.from_numpy, pad([VOCABULARY.encode(question) for question in questions])))


@each_cell
@pytest.mark.parametrize("options", [
    {"layers": 1}, {"layers": 2}, {"layers": 2, "highway": True}, {"initial_state": "learnt", "init": "glorot"}
], ids=str)  # fmt: skip
def test_is_the_last_valid_state(cell: str, options: dict):
    encoder = make(cell, **options)
    if encoder.recurrent.learnt_state is not None:
        nn.init.normal_(encoder.recurrent.learnt_state)
    tokens, lengths = batch()
    vectors = encoder(tokens, lengths)
    assert vectors.shape == (4, 5)
    state = encoder.recurrent.initial_state(vectors)
    for t in range(tokens.shape[1]):
        h, state = encoder.recurrent.step(encoder.embedding(tokens[:, t]), state)
        ending = lengths == t + 1
        torch.testing.assert_close(vectors[ending], h[ending])


@each_cell
def test_padding_changes_nothing(cell: str):
    encoder = make(cell)
    tokens, lengths = batch()
    vectors = encoder(tokens, lengths)
    longer = nn.functional.pad(tokens, (0, 4), value=PAD)
    garbage = torch.where(torch.arange(9) < lengths.unsqueeze(1), longer, 5)
    assert torch.equal(encoder(longer, lengths), vectors)
    assert torch.equal(encoder(garbage, lengths), vectors)
    for row, question in enumerate(QUESTIONS):
        torch.testing.assert_close(encoder(*batch([question]))[0], vectors[row])


@pytest.mark.parametrize(("cell", "variant"), [("lstm", "coupled,peepholes"), ("gru", "reset-before")])
def test_a_variant_of_a_cell_is_what_reads(cell: str, variant: str):
    encoder = make(cell, variant=variant)
    tokens, lengths = batch()
    plain = make(cell)
    assert not torch.allclose(encoder(tokens, lengths), plain(tokens, lengths))
    encoder(tokens, lengths).sum().backward()
    assert all((weight.grad != 0).any() for weight in encoder.parameters())


def test_word_order_matters():
    a, b = make()(*batch(["the dog is", "is the dog"]))
    assert (a - b).abs().max() > 1e-3


def test_an_empty_question_has_a_vector():
    encoder = make()
    (alone,) = encoder(*batch([""]))
    among = encoder(*batch(["how many", "", "dog"]))[1]
    assert alone.isfinite().all()
    torch.testing.assert_close(among, alone)


def test_padding_is_never_learned():
    encoder = make()
    encoder(*batch()).sum().backward()
    gradient = encoder.embedding.weight.grad
    used = [id in {id for question in QUESTIONS for id in VOCABULARY.encode(question)} for id in range(len(VOCABULARY))]
    assert (gradient.abs().sum(dim=1) > 0).tolist() == used and (encoder.embedding.weight[PAD] == 0).all()


def test_dropout_only_in_training():
    encoder = make(dropout=0.5)
    assert torch.equal(encoder(*batch()), encoder(*batch()))
    encoder.train()
    assert not torch.equal(encoder(*batch()), encoder(*batch()))
