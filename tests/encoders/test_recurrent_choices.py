"""What a stack can be asked for besides its cell: highway layers, how it starts, truncated gradients; and refusals."""

import math

import pytest
import torch
from torch import Tensor, nn

from encoders.recurrent import Recurrent, RecurrentSettings, bptt_chunks, clip_gradient_norm
from runtime.errors import SettingError

B, T, E, H = 3, 6, 4, 5
STACKS = [{"cell": "lstm"}, {"cell": "lstm", "layers": 3, "highway": True}, {"cell": "gru", "initial_state": "learnt"},
          {"cell": "gru", "variant": "update-takes-new", "layers": 2}, {"cell": "gru", "variant": "reset-before"},
          {"cell": "lstm", "variant": "full-gate-recurrence, peepholes", "layers": 2, "highway": True},
          {"cell": "rnn", "layers": 2, "init": "orthogonal", "initial_state": "learnt"}]  # fmt: skip


def make(*, cell="lstm", **options) -> Recurrent:
    torch.manual_seed(1)
    recurrent = Recurrent(cell, E, H, **options).double()
    if recurrent.learnt_state is not None:
        nn.init.normal_(recurrent.learnt_state)
    return recurrent


def sequences() -> Tensor:
    x = torch.randn(B, T, E, dtype=torch.double, generator=torch.Generator().manual_seed(2))
    return x.requires_grad_()


def step_by_step(recurrent: Recurrent, x: Tensor) -> tuple[Tensor, Tensor]:
    state, hs = recurrent.initial_state(x), []
    for now in x.unbind(1):
        h, state = recurrent.step(now, state)
        hs.append(h)
    return torch.stack(hs, dim=1), state


@pytest.mark.parametrize("options", STACKS, ids=str)
def test_whole_sequences_are_steps_values_and_gradients(options):
    recurrent, x = make(**options), sequences()
    found = []
    for h, state in (recurrent(x), step_by_step(recurrent, x)):
        wanted = [x, *recurrent.parameters()]
        loss = (h * torch.linspace(-1, 1, h.numel()).view_as(h)).sum() + state.pow(2).sum()
        found.append((h, state, *torch.autograd.grad(loss, wanted)))
    for whole, stepped in zip(*found, strict=True):
        torch.testing.assert_close(whole, stepped, rtol=1e-10, atol=1e-12)


def test_highway_layers_stand_between_layers():
    """y = g ⊙ H(h) + (1 − g) ⊙ h is what the second layer reads."""
    recurrent, x = make(layers=2, highway=True), sequences()
    first, second = recurrent.layers
    h, _ = first.sequence(x, recurrent.zero_state(x)[:, 0])
    (highway,) = recurrent.highways
    g = torch.sigmoid(h @ highway.gate.weight.T + highway.gate.bias)
    y = g * torch.tanh(h @ highway.H.weight.T + highway.H.bias) + (1 - g) * h
    expected, _ = second.sequence(y, recurrent.zero_state(x)[:, 1])
    torch.testing.assert_close(recurrent(x)[0], expected)
    assert (highway.gate.bias == -1).all()


def test_a_learnt_state_starts_at_zero_and_learns():
    x = sequences()
    learnt = Recurrent("lstm", E, H, initial_state="learnt").double()
    torch.testing.assert_close(learnt(x)[0], learnt(x, learnt.zero_state(x))[0])
    learnt(x)[0].sum().backward()
    assert (learnt.learnt_state.grad != 0).all()
    assert learnt.learnt_state.grad.shape == (1, 2, H)


def blocks(weight: Tensor) -> Tensor:
    """(gates, H, columns)."""
    return weight.detach().unflatten(0, (-1, H))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_orthogonal_matrices_keep_lengths(cell):
    (layer,) = make(cell=cell, init="orthogonal").layers
    for block in blocks(layer.weight_hh):
        torch.testing.assert_close(block @ block.T, torch.eye(H, dtype=torch.double), atol=1e-6, rtol=0)
    for block in blocks(layer.weight_ih):  # H rows in E < H dimensions
        torch.testing.assert_close(block.T @ block, torch.eye(E, dtype=torch.double), atol=1e-6, rtol=0)


def test_glorot_and_uniform_have_their_bounds():
    torch.manual_seed(0)
    for init, columns, bound in [("glorot", 30, math.sqrt(6 / 70)), ("uniform", 30, 1 / math.sqrt(40))]:
        (layer,) = Recurrent("lstm", columns, 40, init=init).layers
        largest = layer.weight_ih.abs().max().item()
        assert 0.98 * bound < largest <= bound


@pytest.mark.parametrize("options", STACKS, ids=str)
def test_truncated_gradients_are_the_full_ones_inside_a_chunk(options):
    """Of a loss at the last step: the same for the inputs of its chunk, nothing for those before, values unchanged."""
    full, cut, x = make(**options), make(**options, truncate=4), sequences()
    torch.testing.assert_close(cut(x)[0], full(x)[0])
    (whole,) = torch.autograd.grad(full(x)[0][:, -1].sum(), x)
    (truncated,) = torch.autograd.grad(cut(x)[0][:, -1].sum(), x)
    assert (whole[:, :4] != 0).any() and (truncated[:, :4] == 0).all()
    torch.testing.assert_close(truncated[:, 4:], whole[:, 4:], rtol=1e-10, atol=1e-12)


def test_a_chunk_s_weights_have_the_gradient_of_torch_s_lstm_from_the_state_before():
    ours, theirs, x = make(), nn.LSTM(E, H, batch_first=True).double(), sequences()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(one)
    state = None
    for n, (h, _) in enumerate(bptt_chunks(ours, x, 2)):
        expected, state = theirs(x[:, 2 * n : 2 * n + 2], state)
        state = tuple(part.detach() for part in state)
        torch.testing.assert_close(h, expected)
        h.pow(2).sum().backward()
        expected.pow(2).sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-10, atol=1e-12)


def test_gradients_are_truncated_in_training_only():
    cut, x = make(truncate=2).eval(), sequences()
    (gradient,) = torch.autograd.grad(cut(x)[0][:, -1].sum(), x)
    assert (gradient != 0).any(dim=2).all()


@pytest.mark.parametrize(("threshold", "scale"), [(1.0, 0.2), (5.0, 1.0), (100.0, 1.0)])
def test_clipping_scales_a_long_gradient_to_the_threshold(threshold, scale):
    def parameters():
        a, b, without = (nn.Parameter(torch.zeros(n, dtype=torch.double)) for n in (2, 1, 4))
        a.grad, b.grad = torch.tensor([0.0, 3.0]).double(), torch.tensor([4.0]).double()
        return [a, b, without]

    ours, torchs = parameters(), parameters()
    assert clip_gradient_norm(ours, threshold) == 5
    nn.utils.clip_grad_norm_(torchs, threshold)
    assert ours[0].grad.tolist() == pytest.approx([0, 3 * scale]) and ours[1].grad.item() == pytest.approx(4 * scale)
    for one, other in zip(ours[:2], torchs[:2], strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=0)  # torch adds 1e-6 to the norm


@pytest.mark.parametrize(("options", "words"), [
    ({"cell": "elman"}, "no cell 'elman'; choose one of rnn, lstm, gru"),
    ({"layers": 0}, "layers is 0; choose 1 to 8"), ({"layers": 9}, "layers is 9"),
    ({"highway": True}, "layers is 1; choose layers 2 to 8"),
    ({"cell": "gru", "variant": "peepholes"}, "gru has no variant 'peepholes'; choose among update-takes-new, reset-b"),
    ({"cell": "rnn", "variant": "coupled"}, "the cell rnn has no variants; .* choose one of lstm, gru"),
    ({"variant": "peephole"}, "lstm has no variant 'peephole'; choose among no-input-gate, .*, full-gate-recurrence"),
    ({"variant": "coupled,no-input-gate"}, "leave out no-input-gate and no-forget-gate"),
    ({"variant": "no-input-gate,no-forget-gate,no-output-gate,peepholes"}, "none is left; leave them out"),
    ({"cell": "gru", "forget_bias": 1.0}, "choose the cell lstm"), ({"cell": "rnn", "forget_bias": 0.0}, "lstm"),
    ({"variant": "no-forget-gate", "forget_bias": 1.0}, "with its forget gate"),
    ({"forget_bias": math.nan}, "forget_bias is nan; give a number"),
    ({"init": "zeros"}, "no initialisation 'zeros'; choose one of uniform, orthogonal, glorot"),
    ({"initial_state": "photo"}, "no initial state 'photo'; choose one of zero, learnt"),
    ({"truncate": -1}, "truncate is -1; choose 0"),
])  # fmt: skip
def test_refuses_what_makes_no_sense(options, words):
    with pytest.raises(SettingError, match=words) as caught:
        RecurrentSettings(**options)
    assert "\n" not in str(caught.value)
    with pytest.raises(SettingError, match=words):
        make(**options)


def test_settings_draw_no_random_numbers():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    RecurrentSettings(variant="peepholes,coupled")
    assert torch.equal(torch.get_rng_state(), before)
