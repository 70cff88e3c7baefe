"""The variants of "LSTM: A Search Space Odyssey": one cell with a switch for each."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from encoders.gates import gate
from encoders.linear import linear
from runtime.errors import SettingError

from .cell import Cell

NAMES = {"i": "input", "f": "forget", "o": "output"}


class LSTMVariantCell(Cell):
    """An LSTM with parts of it left out or added (Greff et al. 2017).

    i = σ(W x + U h + p_i ⊙ c + b);  f = σ(W x + U h + p_f ⊙ c + b);  g = tanh(W x + U h + b);
    c' = f ⊙ c + i ⊙ g;  o = σ(W x + U h + p_o ⊙ c' + b);  h' = o ⊙ tanh(c').

    With no switch it is the `LSTMCell`. The paper's "vanilla" has `peepholes`, and each of its eight variants is one
    change to that. Weights stand in torch's order, i, f, g, o, without the gates that are left out.

    Args:
        switches: names out of `VARIANTS`:
            `no-input-gate`, `no-forget-gate`, `no-output-gate`: i = 1, f = 1, o = 1.
            `no-input-activation`, `no-output-activation`: the identity instead of tanh in g, in h'.
            `peepholes`: the gates see the cell through p (Gers & Schmidhuber 2000); without, p = 0.
            `coupled`: f = 1 − i.
            `full-gate-recurrence`: the gates also see the gates before, + R [i; f; o], as in 1997's LSTM. The state
            then holds them too, after h and c.
        forget_bias: as of `LSTMCell`; of a coupled gate, i starts at minus that.

    Raises:
        SettingError: see `gates_left`.
    """

    VARIANTS = (
        "no-input-gate", "no-forget-gate", "no-output-gate", "no-input-activation", "no-output-activation", "peepholes",
        "coupled", "full-gate-recurrence",
    )  # fmt: skip

    def __init__(self, input_size: int, hidden_size: int, switches: Collection[str] = (), *, forget_bias: float = 1.0):
        gates = gates_left(switches)
        blocks = [block for block in "ifgo" if block == "g" or block in gates]
        full = "full-gate-recurrence" in switches
        super().__init__(input_size, hidden_size, gates=len(blocks), parts=2 + len(gates) * full)
        self.blocks, self.gate_names, self.coupled = blocks, gates, "coupled" in switches
        self.peepholes, self.parts_of_state = "peepholes" in switches, [hidden_size] * 2
        self.input_activation = _same if "no-input-activation" in switches else torch.tanh
        self.output_activation = _same if "no-output-activation" in switches else torch.tanh
        bound = 1 / math.sqrt(hidden_size)
        self.peephole = nn.ParameterDict(
            {gate: torch.empty(hidden_size).uniform_(-bound, bound) for gate in gates if self.peepholes}
        )
        self.weight_gates = None
        if full:
            size = len(gates) * hidden_size
            self.parts_of_state.append(size)
            self.weight_gates = nn.Parameter(torch.empty(size, size).uniform_(-bound, bound))
        self._init_forget_bias(forget_bias)

    @torch.no_grad()
    def _init_forget_bias(self, forget_bias: float) -> None:
        gate, bias = ("i", -forget_bias) if self.coupled else ("f", forget_bias)
        if gate in self.blocks:
            rows = slice(self.blocks.index(gate) * self.hidden_size, (self.blocks.index(gate) + 1) * self.hidden_size)
            self.bias_ih[rows], self.bias_hh[rows] = bias, 0.0

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h, c, *before = state.flatten(1).split(self.parts_of_state, dim=1)  # views: before is [i; f; o], nothing copied
        a = dict(zip(self.blocks, (x + linear(h, self.weight_hh, self.bias_hh)).chunk(self.gates, dim=1), strict=True))
        if before:
            seen = linear(before[0], self.weight_gates).chunk(len(self.gate_names), dim=1)
            a |= {gate: a[gate] + s for gate, s in zip(self.gate_names, seen, strict=True)}

        def open_gate(name: str, c: Tensor) -> Tensor | float:
            if name not in a:
                return 1.0
            return gate(NAMES[name], a[name] + self.peephole[name] * c if self.peepholes else a[name])

        i = open_gate("i", c)
        f = 1 - i if self.coupled else open_gate("f", c)
        c = f * c + i * self.input_activation(a["g"])
        o = open_gate("o", c)
        h = o * self.output_activation(c)
        now = {"i": i, "f": f, "o": o}
        gates = [now[name] for name in self.gate_names] if before else []
        return torch.stack((h, c, *gates), dim=1)


def _same(a: Tensor) -> Tensor:
    return a


def gates_left(switches: Collection[str]) -> list[str]:
    """Those of i, f and o that have weights of their own.

    Raises:
        SettingError: two switches leave each other nothing to change.
    """
    absent = {"i": "no-input-gate", "f": "no-forget-gate", "o": "no-output-gate"}
    gates = [gate for gate, switch in absent.items() if switch not in switches]
    if "coupled" in switches:
        if len({"i", "f"} & set(gates)) < 2:
            raise SettingError("coupled makes one gate of the input and the forget gate; leave out no-input-gate and "
                               "no-forget-gate.")  # fmt: skip
        gates.remove("f")
    if not gates and not {"peepholes", "full-gate-recurrence"}.isdisjoint(switches):
        raise SettingError("peepholes and full-gate-recurrence act on gates, and none is left; leave them out.")
    return gates
