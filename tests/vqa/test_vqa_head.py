"""The VQA head: every fusion and pooling is its equation, and questions on one photo do not disturb each other."""

import itertools

import pytest
import torch

from runtime.errors import SettingError
from vqa.fusion import FUSIONS
from vqa.head import POOLINGS, Head

P, Q, L, D, H, N = 3, 4, 6, 10, 8, 5
HEADS = list(itertools.product(POOLINGS, FUSIONS))


def head(pooling="glimpse", fusion="concat", **more) -> Head:
    torch.manual_seed(0)
    sizes = {"question_size": H, "feature_size": D, "answers": N, "attention_size": 7, "hidden_size": 9}
    return Head(pooling=pooling, fusion=fusion, **sizes | more).double().eval()


@pytest.fixture
def q():
    return torch.randn(P, Q, H, dtype=torch.double, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def features():
    return torch.randn(P, L, D, dtype=torch.double, generator=torch.Generator().manual_seed(2))


def seen_one_by_one(model: Head, q, features):
    """v (D · max(1, G)) and p (G, L) of one question on one photo, written out cell by cell."""
    cells = [model.norm(v) for v in features]
    vectors, looked, query = [], [], q
    for n, attention in enumerate(model.attentions):
        if n:
            query = q + model.again[n - 1](vectors[-1])
        a = torch.stack([attention.w(torch.tanh(attention.W_v(v) + attention.W_h(query))).squeeze() for v in cells])
        p = a.exp() / a.exp().sum()
        vectors.append(sum(weight * v for weight, v in zip(p, cells, strict=True)))
        looked.append(p)
    if not vectors:
        return sum(cells) / L, features.new_zeros(0, L)
    return torch.cat(vectors), torch.stack(looked)


EQUATIONS = {
    "concat": lambda f, q, v: (f.W.weight @ torch.cat((q, v)) + f.W.bias).clamp(min=0),
    "product": lambda f, q, v: (
        (f.W_q.weight @ q + f.W_q.bias).tanh() * (f.W_v.weight @ v + f.W_v.bias).tanh()
    ),
    "low-rank": lambda f, q, v: (
        f.P.weight @ ((f.U.weight @ q + f.U.bias).tanh() * (f.V.weight @ v + f.V.bias).tanh())
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pooling", "fusion"), HEADS)
def test_it_is_its_equations(pooling, fusion, q, features):
    model = head(pooling, fusion)
    logits, p = model(q, model.start(features))
    assert logits.shape == (P, Q, N) and p.shape == (P, Q, POOLINGS[pooling], L)
    for i, j in itertools.product(range(P), range(Q)):
        v, looked = seen_one_by_one(model, q[i, j], features[i])
        h = EQUATIONS[fusion](model.fusion, q[i, j], v)
        torch.testing.assert_close(logits[i, j], model.output.weight @ h + model.output.bias)
        torch.testing.assert_close(p[i, j], looked)
    torch.testing.assert_close(p.sum(3), torch.ones(P, Q, POOLINGS[pooling], dtype=torch.double))


@pytest.mark.parametrize(("pooling", "fusion"), HEADS)
def test_every_weight_learns(pooling, fusion, q, features):
    model = head(pooling, fusion).train()
    model(q, model.start(features))[0].square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


@pytest.mark.parametrize(("pooling", "fusion"), HEADS)
def test_questions_and_photos_do_not_disturb_each_other(pooling, fusion, q, features):
    model = head(pooling, fusion)
    logits, p = model(q, model.start(features))
    for j in range(Q):
        alone, looked = model(q[:, j : j + 1], model.start(features))
        torch.testing.assert_close(alone[:, 0], logits[:, j])
        torch.testing.assert_close(looked[:, 0], p[:, j])
    order = [2, 0, 1]
    permuted, looked = model(q[order], model.start(features[order]))
    torch.testing.assert_close(permuted, logits[order])
    torch.testing.assert_close(looked, p[order])


@pytest.mark.parametrize(("pooling", "fusion"), HEADS)
def test_a_blind_question_knows_nothing_of_the_photo(pooling, fusion, q, features):
    model = head(pooling, fusion)
    blind = torch.zeros(P, Q, dtype=torch.bool)
    blind[:, 1] = True
    first, _ = model(q, model.start(features), blind)
    other, _ = model(q, model.start(features.flip(0) * 3 + 1), blind)
    seeing, _ = model(q, model.start(features))
    torch.testing.assert_close(first[:, 1], other[:, 1])
    assert not torch.isclose(first[:, 0], other[:, 0]).all()
    torch.testing.assert_close(first[:, 0], seeing[:, 0])
    assert not torch.isclose(first[:, 1], seeing[:, 1]).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_question_only_twin_never_sees_a_photo(pooling, q, features):
    model = head(pooling, photo=False)
    logits, p = model(q, model.start(features))
    other, _ = model(q, model.start(features + 5))
    torch.testing.assert_close(logits, other)
    assert p.shape == (P, Q, 0, L)


def test_the_scale_of_the_features_does_not_matter(q, features):
    model = head()
    torch.testing.assert_close(
        model(q, model.start(features * 100))[0], model(q, model.start(features))[0], rtol=1e-4, atol=1e-6
    )


def test_dropout_only_in_training(q, features):
    model = head(dropout=0.5)
    seen = model.start(features)
    torch.testing.assert_close(model(q, seen), model(q, seen))
    model.train()
    assert not torch.equal(model(q, seen)[0], model(q, seen)[0])


@pytest.mark.parametrize("training", [False, True])
def test_dropout_falls_on_the_question_the_photo_and_what_comes_of_them(training, q, features):
    model, dropped = head(fusion="product", dropout=0.5).train(training), {}  # its h is never 0 by itself
    model.fusion.register_forward_pre_hook(lambda _, given: dropped.update(q=given[0], v=given[1]))
    model.output.register_forward_pre_hook(lambda _, given: dropped.update(h=given[0]))
    model(q, model.start(features))
    assert {name: bool((x == 0).any()) for name, x in dropped.items()} == dict.fromkeys("qvh", training)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pooling": "max"}, "there is no pooling 'max'; choose one of mean, glimpse, two-glimpses"),
        ({"fusion": "sum"}, "there is no fusion 'sum'; choose one of concat, product, low-rank"),
    ],
)
def test_an_unknown_kind_is_refused(wrong, words):
    with pytest.raises(SettingError, match=words):
        head(**wrong)
