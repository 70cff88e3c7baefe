"""The gated recurrent unit, in each convention that textbooks have."""

from collections.abc import Collection

import torch
from torch import Tensor

from encoders.gates import gate
from encoders.linear import linear

from .cell import Cell


class GRUCell(Cell):
    """The gated recurrent unit (Cho et al. 2014).

    r, z = σ(W x + U h + b);  h = z ⊙ h + (1 − z) ⊙ n, where the candidate n has the reset gate after the product,
    n = tanh(W x + b + r ⊙ (U h + b')), as torch has it.

    Args:
        switches: names out of `VARIANTS`:
            `update-takes-new`: z is the candidate's share instead, h = (1 − z) ⊙ h + z ⊙ n (Chung et al. 2014). It is
            the same function with z's weights negated, for σ(−a) = 1 − σ(a).
            `reset-before`: the reset gate comes before the product, n = tanh(W x + b + U (r ⊙ h) + b'), as Cho et al.
            wrote it. torch has no kernel for that.
    """

    VARIANTS = ("update-takes-new", "reset-before")
    kernel = staticmethod(torch.gru)

    def __init__(self, input_size: int, hidden_size: int, switches: Collection[str] = ()):
        super().__init__(input_size, hidden_size, gates=3)
        self.update_takes_new, self.reset_before = (name in switches for name in self.VARIANTS)
        if self.reset_before:
            self.kernel = None

    def advance(self, x: Tensor, state: Tensor) -> Tensor:
        h = state[:, 0]
        xr, xz, xn = x.chunk(3, dim=1)  # torch's order
        if self.reset_before:
            H = self.hidden_size
            hr, hz = linear(h, self.weight_hh[: 2 * H], self.bias_hh[: 2 * H]).chunk(2, dim=1)
            r, z = gate("reset", xr + hr), gate("update", xz + hz)
            n = torch.tanh(xn + linear(r * h, self.weight_hh[2 * H :], self.bias_hh[2 * H :]))
        else:
            hr, hz, hn = linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=1)
            r, z = gate("reset", xr + hr), gate("update", xz + hz)
            n = torch.tanh(xn + r * hn)
        h = (1 - z) * h + z * n if self.update_takes_new else z * h + (1 - z) * n
        return h.unsqueeze(1)

    def kernel_weights(self) -> list[Tensor]:
        weights = super().kernel_weights()
        if not self.update_takes_new:
            return weights
        sign = torch.ones(3, device=self.bias_hh.device, dtype=self.bias_hh.dtype)
        sign[1] = -1  # torch's z is 1 − ours
        sign = sign.repeat_interleave(self.hidden_size)
        return [w * (sign if w.ndim == 1 else sign.unsqueeze(1)) for w in weights]
