"""The decoder: its equations, teacher forcing against word by word, and nothing leaking between captions."""

import pytest
import torch
from torch import nn

import encoders.blocks
from captioner.decoder import Decoder
from encoders.text import START, UNK

V, L, D, E, H = 11, 4, 6, 5, 7
STACKS = [
    {"cell": "lstm"}, {"cell": "gru"}, {"cell": "rnn"}, {"cell": "lstm", "layers": 3}, {"cell": "gru", "layers": 2},
    {"cell": "lstm", "variant": "peepholes,full-gate-recurrence", "layers": 2, "highway": True},
    {"cell": "gru", "variant": "reset-before", "initial_state": "learnt"},
    {"cell": "rnn", "init": "orthogonal", "initial_state": "zero", "attention_size": 0},
]  # fmt: skip
# Lengths of the captions of three photos, start and end counted; 0 for one that is not there.
SORTED = [[7, 5, 2], [4, 4, 0], [3, 0, 0]]
ANY_ORDER = [[2, 0, 5], [0, 0, 3], [4, 7, 4]]


def make(cell="lstm", layers=1, dropout=0.0, **options) -> Decoder:
    torch.manual_seed(3)
    sizes = {"vocabulary_size": V, "feature_size": D, "embedding_size": E, "hidden_size": H, "attention_size": 4}
    decoder = Decoder(**sizes | options, cell=cell, layers=layers, dropout=dropout).double()
    for weight in decoder.parameters():  # large enough for every part to matter
        nn.init.normal_(weight, std=0.7)
    return decoder


def photos(count=3):
    return torch.randn(count, L, D, dtype=torch.double, generator=torch.Generator().manual_seed(1))


def captions(lengths):
    """Random tokens, also where the padding is: what stands there must not matter."""
    lengths = torch.tensor(lengths)
    tokens = torch.randint(V, (*lengths.shape, int(lengths.max())), generator=torch.Generator().manual_seed(2))
    tokens[:, :, 0] = START
    return tokens, lengths


def word_by_word(decoder, features, tokens, lengths):
    """What `forward` gives, one caption of one photo and one word at a time."""
    logits, looked = [], torch.zeros(*lengths.shape, L, dtype=features.dtype)
    for p, q in (lengths > 0).nonzero().tolist():
        state = decoder.start(features[p : p + 1])
        for t in range(lengths[p, q] - 1):
            scores, state = decoder.step(tokens[p, q, t : t + 1], state)
            logits.append(scores)
            looked[p, q] = looked[p, q] + state.p[0]
    return torch.cat(logits), looked


def test_step_is_the_equations_of_its_docstring():
    decoder, v, y = make(), photos(2), torch.tensor([4, 9])
    h, c = torch.tanh(decoder.first(v.mean(dim=1))).chunk(2, dim=1)
    logits, state = decoder.step(y, decoder.start(v))

    look = decoder.attention
    a = torch.stack([look.w(torch.tanh(look.W_v(v[:, i]) + look.W_h(h))) for i in range(L)], dim=1).squeeze(2)
    p = torch.softmax(a, dim=1)
    z = torch.sigmoid(decoder.gate(h)) * sum(p[:, i : i + 1] * v[:, i] for i in range(L))
    embedding = decoder.embedding.weight
    cell = nn.LSTMCell(E + D, H).double()
    cell.load_state_dict(decoder.recurrent.layers[0].state_dict())
    h, c = cell(torch.cat((embedding[y], z), dim=1), (h, c))
    o = torch.tanh(decoder.output(torch.cat((embedding[y], h, z), dim=1)))
    torch.testing.assert_close(logits, o @ embedding.T + decoder.bias)
    torch.testing.assert_close(state.p, p)
    torch.testing.assert_close(state.recurrent[:, 0], torch.stack((h, c), dim=1))


@pytest.mark.parametrize("lengths", [SORTED, ANY_ORDER])
@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_teacher_forcing_is_word_by_word(stack, lengths, monkeypatch):
    """Values and gradients: so the block that shrinks as captions end changes nothing either."""
    monkeypatch.setattr(encoders.blocks, "BLOCK", 2)
    decoder, (tokens, lengths) = make(**stack), captions(lengths)
    results = []
    for run in (decoder, lambda *batch: word_by_word(decoder, *batch)):
        features = photos().requires_grad_()
        logits, looked = run(features, tokens, lengths)
        loss = torch.log_softmax(logits, 1)[:, 3].sum() + (1 - looked[lengths > 0]).pow(2).sum()
        results.append((logits, looked, *torch.autograd.grad(loss, [features, *decoder.parameters()])))
    for ours, slow in zip(*results, strict=True):
        torch.testing.assert_close(ours, slow)
    assert len(results[0][0]) == (lengths - 1).clamp(min=0).sum()


@pytest.mark.parametrize(
    ("block", "expected"), [(1, [9, 6, 4, 2, 1, 1]), (2, [9, 6, 4, 4, 2, 2]), (8, [9, 6, 6, 6, 3, 3])]
)
def test_time_goes_on_only_for_captions_with_words_left(block, expected, monkeypatch):
    """Captions end one by one, photos in blocks."""
    monkeypatch.setattr(encoders.blocks, "BLOCK", block)
    decoder, rows = make(), []
    advance = decoder.advance
    monkeypatch.setattr(decoder, "advance", lambda words, state: rows.append(len(words)) or advance(words, state))
    decoder(photos(), *captions(SORTED))
    assert rows == expected


def test_without_attention_the_decoder_sees_the_mean_of_the_photo():
    decoder, v = make(attention_size=0), photos(2)
    mean = v.mean(dim=1, keepdim=True).expand_as(v)
    (logits, state), (same, _) = (decoder.step(torch.tensor([4, 9]), decoder.start(photo)) for photo in (v, mean))
    torch.testing.assert_close(logits, same)
    assert (state.p == 1 / L).all()
    assert not [name for name, _ in decoder.named_parameters() if name.startswith("attention")]


@pytest.mark.parametrize(("initial_state", "seen"), [("photo", True), ("zero", False), ("learnt", False)])
def test_the_first_state_is_the_photo_s_or_the_same_for_all(initial_state, seen):
    decoder = make(initial_state=initial_state)
    one, other = decoder.start(photos(2)).recurrent
    assert torch.equal(one, other) != seen
    assert (one != 0).any() == (initial_state != "zero")


def test_truncated_gradients_reach_back_so_many_words():
    """Of the loss at the last word, only the words of its chunk of two have one; the values stay."""
    tokens, found = torch.tensor([[[1, 2, 4, 5, 6, 7, 8]]]), {}
    for truncate in (0, 2):
        decoder = make(truncate=truncate, initial_state="zero")
        logits, _ = decoder(photos(1), tokens, torch.tensor([[7]]))
        (gradient,) = torch.autograd.grad(logits[5, 3], decoder.embedding.weight)
        read = gradient.abs().sum(dim=1).nonzero().flatten().tolist()
        found[truncate] = logits, [word for word in read if word != 3]  # the tied embedding is also what scores word 3
    torch.testing.assert_close(found[0][0], found[2][0])
    assert found[0][1] == [1, 2, 4, 5, 6, 7] and found[2][1] == [6, 7]


def test_a_distribution_over_words_is_read_as_their_mean():
    decoder, words = make(), torch.tensor([4, 9])
    one_hot = nn.functional.one_hot(words, V).double()
    logits, _ = decoder.step(words, decoder.start(photos(2)))
    torch.testing.assert_close(decoder.step(one_hot, decoder.start(photos(2)))[0], logits)
    half = (one_hot + one_hot.flip(0)) / 2
    o = decoder.step(half, decoder.start(photos(2)))[0]
    assert not torch.allclose(o, logits)


def test_attention_of_a_caption_is_one_a_word():
    tokens, lengths = captions(ANY_ORDER)
    _, looked = make()(photos(), tokens, lengths)
    torch.testing.assert_close(looked.sum(dim=2), (lengths - 1).clamp(min=0).double())


@pytest.mark.parametrize("t", [1, 3, 6])
def test_a_word_changes_only_what_comes_after_it(t):
    """A shifted token, or a look at the word to be said, fails here."""
    decoder, (tokens, lengths) = make(), captions([[7]])
    other = tokens.clone()
    other[0, 0, t] = (other[0, 0, t] + 1) % V
    before, after = decoder(photos(1), tokens, lengths)[0], decoder(photos(1), other, lengths)[0]
    assert (before != after).any(dim=1).tolist() == [word >= t for word in range(6)]  # logits t score word t + 1


def test_captions_of_one_photo_do_not_leak_into_each_other():
    decoder, (tokens, lengths) = make(), captions([[5, 6], [6, 3]])
    other = tokens.clone()
    other[0, 1, 1:] = (other[0, 1, 1:] + 1) % V
    (before, looked), (after, looked_after) = (decoder(photos(2), words, lengths) for words in (tokens, other))
    changed = (before != after).any(dim=1).split([4, 5, 5, 2])
    assert [c.any().item() for c in changed] == [False, True, False, False]
    assert (looked != looked_after).any(dim=2).tolist() == [[False, True], [False, False]]


def test_the_order_of_grid_cells_changes_no_word():
    decoder, (tokens, lengths), order = make(), captions(ANY_ORDER), torch.tensor([2, 0, 3, 1])
    logits, looked = decoder(photos(), tokens, lengths)
    permuted, looked_permuted = decoder(photos()[:, order], tokens, lengths)
    torch.testing.assert_close(permuted, logits)
    torch.testing.assert_close(looked_permuted, looked[:, :, order])


def test_select_takes_rows_and_lets_photos_go():
    decoder = make("lstm", 2)
    _, each = decoder.step(torch.tensor([START, START, START]), decoder.start(photos()))
    beams = each.select(torch.tensor([[0, 0], [1, 1], [2, 2]]))
    logits, beams = decoder.step(torch.tensor([4, 5, 6, 7, 8, 9]), beams)
    rows = torch.tensor([[5, 5, 4], [1, 0, 1]])  # photos 2 and 0; photo 1 is gone
    words = torch.tensor([3, 4, 5, 6, 7, 8])
    after, state = decoder.step(words, beams.select(rows))

    assert (len(beams), len(state), state.features.shape) == (6, 6, (2, L, D))
    for n, row in enumerate(rows.flatten().tolist()):
        alone = each.select(torch.tensor([[row // 2]]))
        one, alone = decoder.step(torch.tensor([4 + row]), alone)
        torch.testing.assert_close(one[0], logits[row])
        one, alone = decoder.step(words[n : n + 1], alone)
        torch.testing.assert_close(one[0], after[n])
        torch.testing.assert_close(alone.p[0], state.p[n])


def test_selecting_keeps_the_photos_uncopied_while_all_are_there():
    state = make().start(photos())
    beams = state.select(torch.arange(3).unsqueeze(1).expand(3, 5))
    assert beams.features is state.features
    assert len(beams) == 15


def test_the_embedding_is_tied():
    decoder = make()
    assert sum(weight.shape[0] == V for weight in decoder.parameters()) == 2  # the embedding and the bias
    before, _ = decoder.step(torch.tensor([4]), decoder.start(photos(1)))
    with torch.no_grad():
        decoder.embedding.weight[7] += 1
    after, _ = decoder.step(torch.tensor([4]), decoder.start(photos(1)))
    assert (before != after)[0].nonzero().flatten().tolist() == [7]


def test_word_dropout_hides_every_word_but_the_start():
    decoder, (tokens, lengths) = make(), captions(SORTED)
    hidden = torch.where(torch.arange(tokens.shape[2]) > 0, UNK, tokens)
    torch.testing.assert_close(decoder(photos(), tokens, lengths, word_dropout=1.0), decoder(photos(), hidden, lengths))
    torch.manual_seed(0)
    some, _ = decoder(photos(), tokens, lengths, word_dropout=0.5)
    assert not torch.equal(some, decoder(photos(), tokens, lengths)[0])


def test_scheduled_sampling_feeds_the_models_own_draws():
    decoder, (tokens, lengths) = make(), captions([[6, 6], [6, 6]])
    torch.manual_seed(5)
    logits, _ = decoder(photos(2), tokens, lengths, scheduled_sampling=1.0)

    torch.manual_seed(5)
    state, words, expected = decoder.start(photos(2)), torch.full((4,), START), []
    state = state.select(torch.tensor([[0, 0], [1, 1]]))
    for _ in range(5):
        scores, state = decoder.step(words, state)
        expected.append(scores)
        torch.rand(4)  # whether to draw, which 1.0 always does
        words = torch.multinomial(torch.softmax(scores.float(), dim=1), 1).squeeze(1)
    torch.testing.assert_close(logits, torch.stack(expected, dim=1).flatten(0, 1))
    assert not torch.allclose(logits, decoder(photos(2), tokens, lengths)[0])


def test_scheduled_sampling_survives_captions_of_any_length():
    decoder, (tokens, lengths) = make(), captions(ANY_ORDER)
    logits, looked = decoder(photos(), tokens, lengths, scheduled_sampling=0.5)
    first = torch.tensor([0, 1, 5, 7, 10, 16])  # the first word of each caption has no draw before it
    torch.testing.assert_close(logits[first], decoder(photos(), tokens, lengths)[0][first])
    torch.testing.assert_close(looked.sum(dim=2), (lengths - 1).clamp(min=0).double())


def test_dropout_is_for_training():
    decoder, (tokens, lengths) = make(dropout=0.5), captions(SORTED)
    assert not torch.equal(decoder(photos(), tokens, lengths)[0], decoder(photos(), tokens, lengths)[0])
    decoder.eval()
    assert torch.equal(decoder(photos(), tokens, lengths)[0], decoder(photos(), tokens, lengths)[0])


def test_mixed_precision_scores_the_same_words():
    decoder, (tokens, lengths) = make().float(), captions(SORTED)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough, looked = decoder(photos().float(), tokens, lengths)
    exact, _ = decoder(photos().float(), tokens, lengths)
    torch.testing.assert_close(rough.float(), exact, atol=0.2, rtol=0.05)
    torch.testing.assert_close(looked.sum(dim=2), (lengths - 1).clamp(min=0).float(), atol=0.02, rtol=0)
