"""Which recurrent network: its cell, how it is stacked, started and trained. Refused here if it makes no sense."""

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import ClassVar

from runtime.errors import SettingError

from .cell import Cell
from .gru import GRUCell
from .initialise import INITIALISATIONS
from .lstm import LSTMCell
from .lstm_variants import LSTMVariantCell, gates_left
from .rnn import RNNCell

CELLS: dict[str, type[Cell]] = {"rnn": RNNCell, "lstm": LSTMCell, "gru": GRUCell}
VARIANTS: dict[str, type[Cell]] = {"lstm": LSTMVariantCell, "gru": GRUCell}  # cells that have switches


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings:
    """A recurrent stack.

    Attributes:
        cell: `rnn`, `lstm` or `gru`.
        variant: switches of the cell with commas between, such as `peepholes,coupled`; see `LSTMVariantCell` and
            `GRUCell`.
        layers: 1 to 8 of them.
        forget_bias: where an LSTM's forget gate starts; 1 unless given.
        highway: a highway layer between each two layers.
        init: how matrices start: `uniform`, `orthogonal` or `glorot`.
        initial_state: h₀ is `zero`, or `learnt` with the weights.
        truncate: in training, gradients go back through at most so many time steps; 0: through all.

    Raises:
        SettingError: an unknown choice, or a combination that makes no sense.
    """

    cell: str = "lstm"
    variant: str = ""
    layers: int = 1
    forget_bias: float | None = None
    highway: bool = False
    init: str = "uniform"
    initial_state: str = "zero"
    truncate: int = 0

    INITIAL_STATES: ClassVar[tuple[str, ...]] = ("zero", "learnt")

    def __post_init__(self):
        _require_one_of("cell", self.cell, CELLS)
        self._check_variant()
        if not 1 <= self.layers <= 8:
            raise SettingError(f"layers is {self.layers}; choose 1 to 8.")
        if self.highway and self.layers < 2:
            raise SettingError("highway layers stand between stacked layers, and layers is 1; choose layers 2 to 8, or "
                               "leave out highway.")  # fmt: skip
        if self.forget_bias is not None:
            if self.cell != "lstm" or "no-forget-gate" in self.switches:
                raise SettingError("forget_bias is of an lstm's forget gate, and there is none here; choose the cell "
                                   "lstm with its forget gate, or leave forget_bias out.")  # fmt: skip
            if not math.isfinite(self.forget_bias):
                raise SettingError(f"forget_bias is {self.forget_bias}; give a number such as 1.")
        _require_one_of("initialisation", self.init, INITIALISATIONS)
        _require_one_of("initial state", self.initial_state, self.INITIAL_STATES)
        if self.truncate < 0:
            raise SettingError(f"truncate is {self.truncate}; choose 0 for whole sequences, or a number of steps.")

    @property
    def recurrent(self) -> dict:
        """These fields by name, also of a dataclass that has more."""
        return {field.name: getattr(self, field.name) for field in fields(RecurrentSettings)}

    @property
    def switches(self) -> tuple[str, ...]:
        """The names in `variant`."""
        return tuple(name.strip() for name in self.variant.split(",") if name.strip())

    def _check_variant(self) -> None:
        if self.switches and self.cell not in VARIANTS:
            raise SettingError(f"the cell {self.cell} has no variants; leave variant out, or choose one of "
                               f"{', '.join(VARIANTS)}.")  # fmt: skip
        for name in self.switches:
            if name not in (known := VARIANTS[self.cell].VARIANTS):
                raise SettingError(f"the cell {self.cell} has no variant {name!r}; choose among {', '.join(known)}.")
        if self.cell == "lstm":
            gates_left(self.switches)

    def new_cell(self, input_size: int, hidden_size: int) -> Cell:
        """One layer's cell, with torch's initial weights."""
        bias = {} if self.forget_bias is None else {"forget_bias": self.forget_bias}
        if self.switches:
            return VARIANTS[self.cell](input_size, hidden_size, self.switches, **bias)
        return CELLS[self.cell](input_size, hidden_size, **bias)


def _require_one_of(name: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise SettingError(f"there is no {name} {value!r}; choose one of {', '.join(choices)}.")
