"""Cells that torch lacks against slow NumPy loops over their papers' equations: values and gradients, in float64.

The loops' gradients are complex-step derivatives, L'(w) = Im L(w + i h) / h, which are exact to rounding.
"""

from itertools import combinations

import numpy as np
import pytest
import torch

from encoders.recurrent import GRUCell, LSTMCell, LSTMVariantCell
from encoders.recurrent.lstm_variants import gates_left

B, T, E, H = 2, 4, 3, 4
STEP = 1e-30

VARIANTS = [(), ("peepholes",), *(("peepholes", name) for name in LSTMVariantCell.VARIANTS if name != "peepholes"),
            ("coupled", "full-gate-recurrence"), ("no-input-gate", "no-forget-gate", "no-output-gate"),
            ("no-output-gate", "full-gate-recurrence", "no-input-activation", "no-output-activation")]  # fmt: skip


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def same(a):
    return a


def lstm(w: dict[str, np.ndarray], x, state, switches) -> tuple[np.ndarray, np.ndarray]:
    """Greff et al.'s equations for one sequence x (T, E); y and c are theirs, as is the letter of every weight."""
    present = {"i": "no-input-gate", "f": "no-forget-gate", "o": "no-output-gate"}
    gates = [k for k in "ifo" if present[k] not in switches and not (k == "f" and "coupled" in switches)]
    rows = {k: slice(n * H, (n + 1) * H) for n, k in enumerate(k for k in "ifgo" if k == "g" or k in gates)}
    y, c, *before = state
    before, ys = dict(zip(gates, before, strict=False)), []

    def total(k, x_t, c):
        a = w["weight_ih"][rows[k]] @ x_t + w["weight_hh"][rows[k]] @ y + w["bias_ih"][rows[k]] + w["bias_hh"][rows[k]]
        if k != "g" and "full-gate-recurrence" in switches:
            R = w["weight_gates"][gates.index(k) * H :][:H]
            a = a + sum(R[:, n * H :][:, :H] @ before[other] for n, other in enumerate(gates))
        return a + w[f"peephole.{k}"] * c if k != "g" and "peepholes" in switches else a

    for x_t in x:
        i = sigmoid(total("i", x_t, c)) if "i" in gates else np.ones(H)
        f = sigmoid(total("f", x_t, c)) if "f" in gates else 1 - i if "coupled" in switches else np.ones(H)
        z = (same if "no-input-activation" in switches else np.tanh)(total("g", x_t, c))
        c = z * i + c * f
        o = sigmoid(total("o", x_t, c)) if "o" in gates else np.ones(H)
        y = (same if "no-output-activation" in switches else np.tanh)(c) * o
        if "full-gate-recurrence" in switches:
            before = {k: {"i": i, "f": f, "o": o}[k] for k in gates}
        ys.append(y)
    return np.array(ys), np.array([y, c, *before.values()])


def gru(w: dict[str, np.ndarray], x, state, switches) -> tuple[np.ndarray, np.ndarray]:
    """Cho et al.'s equations for one sequence, in each convention."""
    (h,), hs = state, []
    W, U, b, c = ([w[name][n * H :][:H] for n in range(3)] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    for x_t in x:
        r, z = (sigmoid(W[n] @ x_t + b[n] + U[n] @ h + c[n]) for n in (0, 1))
        inner = U[2] @ (r * h) + c[2] if "reset-before" in switches else r * (U[2] @ h + c[2])
        candidate = np.tanh(W[2] @ x_t + b[2] + inner)
        keep = 1 - z if "update-takes-new" in switches else z
        h = keep * h + (1 - keep) * candidate
        hs.append(h)
    return np.array(hs), np.array([h])


def loss_of(h, state):
    return (h * np.linspace(-1, 1, h.size).reshape(h.shape)).sum() + 0.3 * (state**2).sum()


def looped(reference, w, x, state, switches) -> tuple[np.ndarray, np.ndarray]:
    rows = [reference(w, x[b], state[b], switches) for b in range(B)]
    return np.stack([h for h, _ in rows]), np.stack([s for _, s in rows])


def complex_step_gradient(loss, values: np.ndarray) -> np.ndarray:
    gradient = np.empty(values.shape)
    for place in np.ndindex(values.shape):
        moved = values.astype(complex)
        moved[place] += 1j * STEP
        gradient[place] = loss(moved).imag / STEP
    return gradient


def given(cell):
    torch.manual_seed(5)
    for weight in cell.parameters():
        torch.nn.init.normal_(weight, std=0.6)
    x = torch.randn(B, T, E, dtype=torch.float64, requires_grad=True)
    return x, torch.randn(B, cell.parts, H, dtype=torch.float64, requires_grad=True)


def make(kind, switches):
    return kind(E, H, switches).double()


CASES = [*((LSTMVariantCell, lstm, s) for s in VARIANTS),
         *((GRUCell, gru, s) for s in [(), ("update-takes-new",), ("reset-before",), GRUCell.VARIANTS])]  # fmt: skip
each_case = pytest.mark.parametrize(("kind", "reference", "switches"), CASES,
                                    ids=["+".join((k.__name__, *s)) for k, _, s in CASES])  # fmt: skip


@each_case
def test_values_and_gradients(kind, reference, switches):
    cell = make(kind, switches)
    x, state = given(cell)
    h, last = cell.sequence(x, state)
    weight = torch.linspace(-1, 1, h.numel(), dtype=torch.float64).view_as(h)
    wanted = {"x": x, "state": state, **dict(cell.named_parameters())}
    ours = torch.autograd.grad((h * weight).sum() + 0.3 * (last**2).sum(), list(wanted.values()))

    values = {name: tensor.detach().numpy() for name, tensor in wanted.items()}
    slow_h, slow_last = looped(reference, values, values["x"], values["state"], switches)
    np.testing.assert_allclose(h.detach(), slow_h, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(last.detach(), slow_last, rtol=1e-10, atol=1e-12)
    for name, our in zip(wanted, ours, strict=True):

        def loss(moved, name=name):
            w = values | {name: moved}
            return loss_of(*looped(reference, w, w["x"], w["state"], switches))

        np.testing.assert_allclose(our, complex_step_gradient(loss, values[name]), rtol=1e-10, atol=1e-12, err_msg=name)


@each_case
def test_a_swapped_gate_would_be_seen(kind, reference, switches):
    cell = make(kind, switches)
    x, state = given(cell)
    h = cell.sequence(x, state)[0].detach().numpy()
    for a, b in combinations(range(cell.gates), 2):
        order = list(range(cell.gates))
        order[a], order[b] = b, a
        values = {name: tensor.detach().numpy() for name, tensor in cell.named_parameters()}
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            values[name] = np.concatenate([values[name][n * H :][:H] for n in order])
        swapped, _ = looped(reference, values, x.detach().numpy(), state.detach().numpy(), switches)
        assert np.abs(swapped - h).max() > 1e-3


@each_case
def test_every_weight_matters(kind, reference, switches):
    """A peephole or a gate's weight that nothing reads would have no gradient."""
    cell = make(kind, switches)
    h, _ = cell.sequence(*given(cell))
    h.pow(2).sum().backward()
    assert all(weight.grad.abs().min() > 0 for weight in cell.parameters())


def test_without_switches_it_is_the_lstm():
    plain, variant = LSTMCell(E, H).double(), LSTMVariantCell(E, H).double()
    variant.load_state_dict(plain.state_dict())
    state = torch.randn(B, 2, H, dtype=torch.float64)
    x = torch.randn(B, E, dtype=torch.float64)
    torch.testing.assert_close(variant(x, state), plain(x, state), rtol=1e-12, atol=1e-12)


def test_one_gru_convention_is_the_other_with_z_negated():
    """z ⊙ h + (1 − z) ⊙ n with z → 1 − z, since σ(−a) = 1 − σ(a)."""
    keeps, takes = make(GRUCell, ()), make(GRUCell, ("update-takes-new",))
    x, state = given(keeps)
    with torch.no_grad():
        for ours, theirs in zip(takes.parameters(), keeps.parameters(), strict=True):
            ours.copy_(theirs)
            ours[H : 2 * H] *= -1
    for run in ("_fused", "_stepped"):
        for one, other in zip(getattr(takes, run)(x, state), getattr(keeps, run)(x, state), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert (takes.kernel, make(GRUCell, ("reset-before",)).kernel) == (torch.gru, None)


@pytest.mark.parametrize(("switches", "left"), [
    ((), "ifo"), (("coupled",), "io"), (("no-output-gate", "peepholes"), "if"), (("no-forget-gate",), "io")
])  # fmt: skip
def test_gates_left(switches, left):
    assert gates_left(switches) == list(left)


@pytest.mark.parametrize("bias", [0.0, 1.0, 4.0])
def test_the_forget_bias_is_where_the_cell_starts(bias):
    """f = σ(bias) when nothing else speaks, of a coupled gate 1 − i as well."""
    for cell in (LSTMCell(E, H, forget_bias=bias), *(
        LSTMVariantCell(E, H, s, forget_bias=bias) for s in ((), ("coupled",), ("no-input-gate",), ("peepholes",))
    )):  # fmt: skip
        for weight in (cell.weight_ih, cell.weight_hh, *getattr(cell, "peephole", {}).values()):
            weight.data.zero_()
        state = torch.zeros(1, cell.parts, H)
        state[:, 1] = 1.0
        after, other = cell(torch.zeros(1, E), state)[0, 1], cell(torch.zeros(1, E), 2 * state)[0, 1]
        torch.testing.assert_close(other - after, torch.full((H,), bias).sigmoid())
