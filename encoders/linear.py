"""Products of a few rows with a weight matrix, W x + b, on weights laid out once as the processor wants them.

A word's step has three rows, one a beam. For so few, oneDNN spends more time on rearranging bfloat16 weights than on
the product, and MKL takes longer on float32's as they lie; `pack` rearranges both beforehand, with the
operators that torch.compile itself uses for frozen weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_MAX_ROWS = 3  # rows the layout is chosen for; it serves any number


class Linear(nn.Linear):
    """torch's linear layer, through this file's `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class _Packed:
    """A weight in oneDNN's layout, and the weight as it was then.

    Attributes:
        source: the weight's memory; kept, so that no later tensor can lie at the same address.
        version: torch counts a tensor's changes.
    """

    source: Tensor
    version: int
    weight: Tensor

    def is_current(self, weight: Tensor) -> bool:
        """Whether this is still the weight that was packed: not changed, moved or given other data since."""
        return (
            self.version == weight._version
            and self.source.data_ptr() == weight.data_ptr()
            and (self.source.dtype, self.source.shape) == (weight.dtype, weight.shape)
        )


def packed(weight: Tensor) -> Tensor | None:
    """The weight as `pack` laid it out; None where it did not, or where that is out of date."""
    found = getattr(weight, "packed", None)
    return found.weight if found is not None and found.is_current(weight) else None


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    laid_out = None if torch.is_grad_enabled() or x.dtype != weight.dtype else packed(weight)
    return functional.linear(x, weight, bias) if laid_out is None else _packed_linear(x, laid_out, bias)


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of torch has the operators for weights of that kind, and this processor the instructions."""
    operators = torch.ops.mkldnn
    needed = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")
    if not all(hasattr(operators, name) for name in needed):
        return False
    if dtype == torch.bfloat16:
        return operators._is_mkldnn_bf16_supported()
    return dtype == torch.float32 and torch.backends.mkl.is_available()  # it is MKL's products that packed ones beat


def _reordered(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight, _MAX_ROWS)


def _packed_linear(x: Tensor, reordered: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, reordered, bias, "none", [], "")


@torch.no_grad()
def pack(module: nn.Module) -> None:
    """Lay out a module's matrices for `linear`.

    A weight that is changed, moved, converted or swapped later counts as not packed. (What is written in place through
    `weight.data` torch itself does not count as a change; call `pack` again after that.)
    """
    for weight in module.parameters():
        if weight.ndim == 2 and weight.device.type == "cpu" and can_pack(weight.dtype):
            source = weight.detach()
            weight.packed = _Packed(source, weight._version, _reordered(source))
