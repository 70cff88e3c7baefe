"""The cells that torch.nn has too against its own, with copied weights, values and gradients, in float64."""

from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from encoders.recurrent import CELLS, Recurrent

TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
B, T, E, H = 4, 6, 3, 5

each_cell = pytest.mark.parametrize("cell", CELLS)
each_depth = pytest.mark.parametrize("layers", [1, 2, 3])


def make(cell: str, layers: int) -> Recurrent:
    torch.manual_seed(layers)
    return Recurrent(cell, E, H, layers=layers).double()


def inputs(recurrent: Recurrent) -> tuple[Tensor, Tensor]:
    x = torch.randn(B, T, E, dtype=torch.float64, requires_grad=True)
    return x, torch.randn(B, len(recurrent.layers), recurrent.parts, H, dtype=torch.float64, requires_grad=True)


def fused(recurrent: Recurrent, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    return recurrent(x, state)


def stepped(recurrent: Recurrent, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Step by step by our equations."""
    state, hs = recurrent.zero_state(x) if state is None else state, []
    for t in range(T):
        h, state = recurrent.step(x[:, t], state)
        hs.append(h)
    return torch.stack(hs, dim=1), state


def reference(recurrent: Recurrent, cell: str, x: Tensor, state: Tensor | None, weights: list) -> tuple[Tensor, Tensor]:
    """torch.nn's module with these weights, on one sequence at a time."""
    module = TORCH[cell](E, H, num_layers=len(recurrent.layers), batch_first=True).double()
    names = [name for name, _ in module.named_parameters()]

    def one(b: int) -> tuple[Tensor, Tensor]:
        first = None
        if state is not None:
            parts = tuple(state[b : b + 1].permute(2, 1, 0, 3))
            first = parts if cell == "lstm" else parts[0]
        h, last = torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x[b : b + 1], first))
        last = torch.stack(last if cell == "lstm" else (last,))  # (parts, layers, 1, H)
        return h[0], last[:, :, 0].transpose(0, 1)

    hs, states = zip(*(one(b) for b in range(B)), strict=True)
    return torch.stack(hs), torch.stack(states)


def with_gradients(result: tuple[Tensor, Tensor], wanted: list[Tensor]) -> list[Tensor]:
    h, state = result
    loss = (h * torch.linspace(-1, 1, h.numel()).view_as(h)).sum() + (state**2 * 0.3).sum()
    return [h, state, *torch.autograd.grad(loss, wanted)]


@each_cell
@each_depth
@pytest.mark.parametrize("given", [False, True], ids=["zero state", "given state"])
@pytest.mark.parametrize("run", [fused, stepped])
def test_equals_torch_values_and_gradients(run, given: bool, layers: int, cell: str):
    recurrent = make(cell, layers)
    x, state = inputs(recurrent)
    weights = list(recurrent.parameters())
    wanted = [x, *weights, *([state] if given else [])]
    first = state if given else None
    ours = with_gradients(run(recurrent, x, first), wanted)
    theirs = with_gradients(reference(recurrent, cell, x, first, weights), wanted)
    assert ours[0].shape == (B, T, H) and ours[1].shape == (B, layers, recurrent.parts, H)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell, pair", [
    *(("lstm", pair) for pair in combinations(range(4), 2)), *(("gru", pair) for pair in combinations(range(3), 2))
])  # fmt: skip
@pytest.mark.parametrize("run", [fused, stepped])
def test_a_swapped_gate_would_be_seen(run, cell: str, pair: tuple[int, int]):
    recurrent = make(cell, 1)
    x, state = inputs(recurrent)
    order = list(range(recurrent.layers[0].gates))
    order[pair[0]], order[pair[1]] = pair[1], pair[0]
    swapped = [w.unflatten(0, (-1, H))[order].flatten(0, 1) for w in recurrent.parameters()]
    theirs = reference(recurrent, cell, x, state, swapped)
    assert (run(recurrent, x, state)[0] - theirs[0]).abs().max() > 1e-3


@each_cell
def test_what_comes_later_changes_nothing(cell: str):
    recurrent = make(cell, 2)
    x, _ = inputs(recurrent)
    h, _ = recurrent(x)
    shorter, after_four = recurrent(x[:, :4])
    torch.testing.assert_close(shorter, h[:, :4])
    torch.testing.assert_close(recurrent(x[:, 4:], after_four)[0], h[:, 4:])


@each_cell
def test_rows_do_not_know_of_each_other(cell: str):
    """Permuting the batch permutes the output; a row alone gives what it gives in the batch."""
    recurrent = make(cell, 2)
    x, first = inputs(recurrent)
    h, state = recurrent(x, first)
    order = torch.tensor([2, 0, 3, 1])
    for rows in (order, *torch.arange(B).split(1)):
        h_rows, state_rows = recurrent(x[rows], first[rows])
        torch.testing.assert_close(h_rows, h[rows])
        torch.testing.assert_close(state_rows, state[rows])


@each_cell
def test_dropout_acts_between_layers_and_only_in_training(cell: str):
    torch.manual_seed(0)
    x = torch.randn(B, T, E)

    def differs(layers: int, training: bool, run) -> bool:
        recurrent = Recurrent(cell, E, H, layers=layers, dropout=0.5).train(training)
        return not torch.equal(run(recurrent, x, None)[0], run(recurrent, x, None)[0])

    for run in (fused, stepped):
        assert [differs(1, True, run), differs(2, True, run), differs(2, False, run)] == [False, True, False]
