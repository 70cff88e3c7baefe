"""Searching for sentences, over hand-made tables of probabilities: no network, no vocabulary, no picture."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from captioner.search import Hypothesis, SearchSettings, search
from runtime.errors import SettingError

PAD, START, END, A, B, C = range(6)
V = 6


class History:
    """A state that remembers, for each row, which item it belongs to and every token it was given."""

    def __init__(self, items, history=None):
        self.items = items
        self.history = history or [()] * len(items)

    def __len__(self):
        return len(self.items)

    def select(self, rows):
        rows = rows.flatten().tolist()
        return History([self.items[r] for r in rows], [self.history[r] for r in rows])


class Table:
    """A step whose logits are a function of the item and of all that was said; it keeps what each batch was told."""

    def __init__(self, logits):
        self.logits, self.batches = logits, []

    def __call__(self, tokens, state):
        assert tokens.shape == (len(state),)
        state = History(state.items, [(*history, t) for history, t in zip(state.history, tokens.tolist(), strict=True)])
        self.batches.append(state)
        return torch.stack(
            [self.logits(i, history) for i, history in zip(state.items, state.history, strict=True)]
        ), state

    def log_prob(self, item, spoken):
        """Of each token, by the model itself."""
        return [torch.log_softmax(self.logits(item, (START, *spoken[:t])), 0)[token].item()
                for t, token in enumerate(spoken)]  # fmt: skip


def random_table(seed, spread=2.0):
    """Logits drawn anew for every item and beginning of a sentence."""

    def logits(item, history):
        generator = torch.Generator().manual_seed(hash((seed, item, history)) % 2**60)
        return torch.randn(V, generator=generator) * spread

    return Table(logits)


def fixed_table(probabilities):
    """The same probabilities at every step."""
    return Table(lambda item, history: torch.tensor(probabilities).log())


def run(table, items=1, banned=(PAD, START), **changes):
    items = list(range(items)) if isinstance(items, int) else items
    return search(table, History(items), start=START, end=END, banned=banned,
                  settings=SearchSettings(**{"no_repeat": 0, **changes}))  # fmt: skip


def greedy(table, item, max_length):
    """The likeliest word each time, until the end."""
    spoken = []
    while len(spoken) < max_length:
        logits = table.logits(item, (START, *spoken))
        word = max((END, A, B, C), key=lambda token: logits[token].item())
        if word == END:
            return spoken, True
        spoken.append(word)
    return spoken, False


def slow_beam(table, item, width, max_length):
    """Beam search with lists, `width` sentences: until so many have ended that beat every one that still grows.

    Ranked by log-probability, those that have ended first.
    """
    live, done = [(0.0, ())], []
    for _ in range(max_length):
        scored = [
            (score + torch.log_softmax(table.logits(item, (START, *spoken)), 0), spoken) for score, spoken in live
        ]
        grown = [(scores[token].item(), (*spoken, token)) for scores, spoken in scored for token in (END, A, B, C)]
        grown.sort(reverse=True)
        done = sorted(done + [row for row in grown[:width] if row[1][-1] == END], reverse=True)
        live = [row for row in grown if row[1][-1] != END][:width]
        if len(done) >= width and done[width - 1] >= live[0]:
            break
    return [spoken for _, spoken in (done + live)[:width]]


def every_sentence(table, item, max_length, penalty):
    """All that end within `max_length` tokens, best first: (score, tokens without the end)."""
    found = []
    for words in range(max_length):
        for tokens in product((A, B, C), repeat=words):
            log_p = sum(table.log_prob(item, (*tokens, END)))
            found.append((log_p / (words + 1) ** penalty, tokens))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_of_one_is_greedy(seed):
    table = random_table(seed)
    for item, [found] in enumerate(run(table, items=5, beam=1, max_length=6)):
        assert (list(found.tokens), found.ended) == greedy(table, item, 6)


@pytest.mark.parametrize("width", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_is_the_slow_one_with_lists(seed, width):
    table = random_table(seed, spread=1.5)
    for item, found in enumerate(run(table, items=4, beam=width, n=width, max_length=5, length_penalty=0.0)):
        spoken = [(*h.tokens, END) if h.ended else h.tokens for h in found]
        assert spoken == slow_beam(table, item, width, 5)


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, 2.0])
def test_a_wide_beam_finds_the_best_sentences_there_are(penalty):
    table = random_table(11)
    [found] = run(table, beam=100, n=13, max_length=3, length_penalty=penalty)
    best = every_sentence(table, 0, 3, penalty)
    assert [h.tokens for h in found] == [tokens for _, tokens in best]
    assert [h.score(penalty) for h in found] == pytest.approx([score for score, _ in best], abs=1e-5)


def test_a_beam_sees_further_than_greedy():
    """The likelier first word leads into a dead end."""
    likely = {(START,): {A: 0.6, B: 0.4}, (START, A): {END: 0.3, A: 0.4, C: 0.3}}

    def logits(item, history):
        p = torch.full((V,), 1e-9)
        for token, probability in likely.get(history, {END: 1.0}).items():
            p[token] = probability
        return p.log()

    assert run(Table(logits), beam=1, length_penalty=0.0)[0][0].tokens == (A, A)
    best = run(Table(logits), beam=2, length_penalty=0.0)[0][0]
    assert best.tokens == (B,)
    assert best.log_prob == pytest.approx(math.log(0.4), abs=1e-4)


@pytest.mark.parametrize(("n", "steps"), [(1, 1), (2, 2), (3, 3)])
def test_the_search_is_over_once_the_best_sentences_lead(n, steps):
    """Ending is the likeliest at every step: nothing that still grows is as good."""
    table = fixed_table([0, 0, 0.6, 0.3, 0.1, 0])
    [found] = run(table, beam=3, n=n, max_length=9, length_penalty=0.0)
    assert [h.tokens for h in found] == [(), (A,), (B,)][:n]
    assert len(table.batches) == steps


@pytest.mark.parametrize("penalty", [0.0, 0.7, 2.0])
def test_the_first_sentence_is_the_same_however_many_are_asked_for(penalty):
    longer_is_better = 0
    for seed in range(20):
        alone, many = (run(random_table(seed), items=3, beam=4, n=n, length_penalty=penalty) for n in (1, 4))
        assert [found.tokens for [found] in alone] == [found.tokens for found, *_ in many]
        longer_is_better += sum(found[1].score(penalty) > found[0].score(penalty) for found in many)
    assert longer_is_better or penalty < 2, "a search for more goes on, and finds what would be ranked before it"


def test_a_sentence_that_grows_and_leads_is_waited_for():
    def logits(item, history):
        p = torch.full((V,), 1e-9)
        p[[END, A]] = torch.tensor([0.4, 0.6] if len(history) == 1 else [0.1, 0.9] if len(history) < 4 else [1.0, 0.0])
        return p.log()

    table = Table(logits)
    assert run(table, beam=3, max_length=9, length_penalty=0.0)[0][0].tokens == (A, A, A)
    assert len(table.batches) == 4


@pytest.mark.parametrize("how", [{"beam": 1}, {"beam": 3, "n": 3}, {"beam": 5, "n": 2, "no_repeat": 2}])
def test_a_row_of_a_batch_is_the_row_alone(how):
    """Items end at different times, so some are let go before others."""

    def logits(item, history):
        """Item i is likely to end after i words."""
        return random_table(5).logits(item, history) + torch.eye(V)[END] * (20 if len(history) > item else -20)

    together = run(Table(logits), items=9, max_length=12, **how)
    table = Table(logits)
    alone = [run(table, items=[item], max_length=12, **how)[0] for item in range(9)]
    assert [[h.tokens for h in found] for found in together] == [[h.tokens for h in found] for found in alone]
    assert len({len(found[0].tokens) for found in together}) > 5
    for found, single in zip(together, alone, strict=True):
        assert [h.log_prob for h in found] == pytest.approx([h.log_prob for h in single], abs=1e-5)


def test_a_row_is_sampled_by_its_own_seed():
    seeds = [7, 1, 7, 3]
    how = {"start": START, "end": END, "banned": (PAD,), "settings": SearchSettings(sample=True, n=5, max_length=8)}
    together = search(random_table(3, 1.0), History([0, 1, 0, 2]), seeds=seeds, **how)
    for found, item, seed in zip(together, [0, 1, 0, 2], seeds, strict=True):
        [alone] = search(random_table(3, 1.0), History([item]), seeds=[seed], **how)
        assert [h.tokens for h in alone] == [h.tokens for h in found]
    assert [h.tokens for h in together[0]] == [h.tokens for h in together[2]]
    assert len({tuple(h.tokens for h in found) for found in together}) == 3


def test_finished_items_are_let_go():
    def logits(item, history):
        return torch.eye(V)[A if item == 7 else END] * 20

    table = Table(logits)
    found = run(table, items=20, beam=1, max_length=6)
    assert [len(batch) for batch in table.batches] == [20, 8, 8, 8, 8, 8]  # a block at a time
    assert [f[0].tokens for f in found] == [()] * 7 + [(A,) * 6] + [()] * 12


@pytest.mark.parametrize("how", [{"beam": 3, "n": 3}, {"sample": True, "n": 3}])
def test_a_model_that_never_ends_a_sentence_is_cut_at_the_longest(how):
    [found] = run(fixed_table([1e-30, 1e-30, 1e-30, 0.5, 0.3, 0.2]), max_length=5, **how)
    assert len(found) == 3
    assert all(len(h.tokens) == 5 and not h.ended and len(h.log_probs) == 5 for h in found)


@pytest.mark.parametrize("how", [{"beam": 4, "n": 4}, {"sample": True, "n": 4}])
def test_a_model_that_says_nothing_gives_the_empty_sentence(how):
    [found] = run(fixed_table([1e-9, 1e-9, 1.0, 1e-9, 1e-9, 1e-9]), max_length=5, **how)
    assert found[0] == Hypothesis(tokens=(), log_probs=found[0].log_probs, rows=(), ended=True)
    assert found[0].log_prob == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("sample", [False, True])
def test_no_run_of_words_comes_twice(sample):
    table = fixed_table([1e-9, 1e-9, 1e-4, 0.5, 0.3, 0.2])
    for size, longest in ((1, 3), (2, 10)):
        for [best] in run(table, items=20, beam=1, sample=sample, no_repeat=size, max_length=40):
            runs = [best.tokens[i : i + size] for i in range(len(best.tokens) - size + 1)]
            assert len(runs) == len(set(runs))
            assert best.ended
            assert len(best.tokens) <= longest  # three words have no more runs than that


@pytest.mark.parametrize("how", [{"beam": 3, "n": 3}, {"sample": True, "n": 20}])
def test_banned_tokens_are_never_said(how):
    [found] = run(fixed_table([0.3, 0.3, 0.02, 0.3, 0.04, 0.04]), banned=(PAD, START, A), max_length=8, **how)
    assert {token for h in found for token in h.tokens} <= {B, C}


@pytest.mark.parametrize("how", [{"beam": 4, "n": 4}, {"sample": True, "n": 4}])
def test_rows_point_to_the_row_that_said_the_word(how):
    """Where a word was looked for is read from these."""
    table = random_table(8, spread=3.0)
    for item, found in enumerate(run(table, items=6, max_length=8, **how)):
        for hypothesis in found:
            for t, row in enumerate(hypothesis.rows):
                batch = table.batches[t]
                assert (batch.items[row], batch.history[row]) == (item, (START, *hypothesis.tokens[:t]))
            assert len(hypothesis.rows) == len(hypothesis.tokens)


def test_the_drawn_word_is_the_one_fed_back():
    table = random_table(9, spread=1.0)
    found = run(table, items=30, sample=True, max_length=6)
    assert len({h.tokens for [h] in found}) > 10
    for item, [h] in enumerate(found):
        spoken = (*h.tokens, END) if h.ended else h.tokens
        assert table.batches[len(spoken) - 1].history[item] == (START, *spoken[:-1])


def frequencies(probabilities, **how):
    """How often 20,000 draws were each token, as the first of a sentence."""
    found = run(fixed_table(probabilities), items=200, sample=True, n=100, max_length=1, **how)
    first = torch.tensor([h.tokens[0] if h.tokens else END for hypotheses in found for h in hypotheses])
    return torch.bincount(first, minlength=V).double() / len(first)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, [0, 0, 0.1, 0.4, 0.3, 0.2]),
        ({"temperature": 0.5}, [0, 0, 0.01 / 0.3, 0.16 / 0.3, 0.09 / 0.3, 0.04 / 0.3]),
        ({"temperature": 0.01}, [0, 0, 0, 1, 0, 0]),
        ({"top_k": 1}, [0, 0, 0, 1, 0, 0]),
        ({"top_k": 2}, [0, 0, 0, 4 / 7, 3 / 7, 0]),
        ({"top_k": 99}, [0, 0, 0.1, 0.4, 0.3, 0.2]),
        ({"top_p": 0.3}, [0, 0, 0, 1, 0, 0]),
        ({"top_p": 0.65}, [0, 0, 0, 4 / 7, 3 / 7, 0]),
        ({"top_p": 0.75}, [0, 0, 0, 4 / 9, 3 / 9, 2 / 9]),
        ({"top_k": 3, "top_p": 0.5}, [0, 0, 0, 4 / 7, 3 / 7, 0]),
    ],
)
def test_words_are_drawn_as_often_as_they_are_likely(how, expected):
    found, expected = frequencies([1e-12, 1e-12, 0.1, 0.4, 0.3, 0.2], **how), torch.tensor(expected).double()
    assert found[expected == 0].sum() == 0
    assert ((found - expected).abs() < 4.5 * (expected * (1 - expected) / 20_000).sqrt() + 1e-12).all()


def test_sampling_is_seeded():
    draws = [run(random_table(1, 1.0), items=10, sample=True, max_length=8, seed=seed) for seed in (1, 1, 2)]
    spoken = [[h.tokens for [h] in found] for found in draws]
    assert spoken[0] == spoken[1] != spoken[2]


def test_probabilities_are_the_models_own_whatever_is_left_out():
    table = random_table(4)
    [found] = run(table, sample=True, n=30, temperature=0.3, top_k=2, top_p=0.9, no_repeat=1, banned=(PAD, START, B))
    for h in found:
        spoken = (*h.tokens, END) if h.ended else h.tokens
        assert h.log_probs == pytest.approx(table.log_prob(0, spoken), abs=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    spread=st.sampled_from([0.0, 0.5, 2.0, 8.0]),
    beam=st.integers(1, 5),
    n=st.integers(1, 5),
    sample=st.booleans(),
    max_length=st.integers(1, 7),
    no_repeat=st.integers(0, 3),
    length_penalty=st.sampled_from([0.0, 0.7, 1.5]),
)
def test_whatever_the_model(seed, spread, beam, n, sample, max_length, no_repeat, length_penalty):
    table, how = random_table(seed, spread), {"sample": sample, "beam": max(beam, n), "n": n}
    how |= {"max_length": max_length, "no_repeat": no_repeat, "length_penalty": length_penalty}
    for item, found in enumerate(run(table, items=3, **how)):
        assert 1 <= len(found) <= n
        assert len(found) == n or not sample
        ranks = [(h.ended, h.score(length_penalty)) for h in found[not sample :]]
        assert ranks == sorted(ranks, reverse=True)
        assert sample or len({h.tokens for h in found}) == len(found)
        for h in found:
            spoken = (*h.tokens, END) if h.ended else h.tokens
            assert set(h.tokens) <= {A, B, C}
            assert len(spoken) == max_length or (h.ended and len(spoken) < max_length)
            assert h.log_probs == pytest.approx(table.log_prob(item, spoken), abs=1e-4)
            runs = [spoken[i : i + no_repeat] for i in range(len(spoken) - no_repeat + 1)]
            assert not no_repeat or len(runs) == len(set(runs))


def test_an_ended_row_never_gets_stuck_while_others_go_on():
    """Few words and no_repeat: what is drawn after the end runs out of new pairs long before the others end."""

    def logits(item, history):
        if item == 0:
            return torch.eye(V)[END] * 50
        return torch.tensor([-50.0, -50.0, -50.0, 0.0, 0.0, 0.0])

    found = run(Table(logits), items=40, sample=True, no_repeat=2, max_length=10)
    assert found[0][0].tokens == ()
    assert max(len(h.tokens) for [h] in found) > 7


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"beam": 0}, "beam is 0; choose 1 to 100"),
        ({"beam": 101}, "beam is 101"),
        ({"n": 0}, "n is 0; choose 1 to 100"),
        ({"n": 4, "beam": 3}, "a beam of 3 gives at most 3 sentences, not 4"),
        ({"max_length": 0}, "max_length is 0"),
        ({"no_repeat": -1}, "no_repeat is -1; choose 0 to 1000"),
        ({"length_penalty": math.nan}, "length_penalty is nan; choose 0 to 10"),
        ({"length_penalty": 1e308}, r"length_penalty is 1e\+308"),
        ({"seed": 2**64}, "seed is 18446744073709551616"),
        ({"temperature": 0.5}, "only change sampling; ask for a sample too"),
        ({"top_k": 5}, "only change sampling"),
        ({"top_p": 0.9}, "only change sampling"),
        ({"sample": True, "temperature": 0.0}, "temperature is 0.0; choose 0.01 to 100"),
        ({"sample": True, "temperature": math.inf}, "temperature is inf"),
        ({"sample": True, "temperature": math.nan}, "temperature is nan"),
        ({"sample": True, "top_k": -1}, "top_k is -1"),
        ({"sample": True, "top_p": 0.0}, "top_p is 0.0"),
        ({"sample": True, "top_p": 1.1}, "top_p is 1.1; choose a number above 0 and up to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(SettingError, match=words):
        SearchSettings(**wrong)
