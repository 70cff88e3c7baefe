"""Products of a few rows with a weight matrix, W x + b, on weights laid out once as the processor wants them.

A word's step has three rows, one a beam. For so few, oneDNN spends more time on rearranging bfloat16 weights than on
the product; `pack` rearranges them beforehand, with the operators that torch.compile itself uses for frozen weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from runtime.device import bf16_is_fast

_FEW = 3  # rows the layout is chosen for; it serves any number
BLOCK = 8  # rows; see `in_blocks`


def in_blocks(count: int) -> int:
    """`count` rounded up to whole blocks of rows.

    oneDNN makes a kernel ready for each number of rows it meets, and keeps it: for all numbers there would be
    hundreds of megabytes of them.
    """
    return -(-count // BLOCK) * BLOCK


class Linear(nn.Linear):
    """torch's linear layer, through this file's `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    packed = getattr(weight, "packed", None)
    if packed is None or torch.is_grad_enabled() or x.dtype != torch.bfloat16 or packed[0] != weight._version:
        return functional.linear(x, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(x, packed[1], bias, "none", [], "")


def ready(model: nn.Module, few_rows: nn.Module, device: torch.device, *, exact: bool) -> nn.Module:
    """A loaded model, on its device and in evaluation mode.

    Args:
        few_rows: the part of it that reads all its weights for a row or three: they are made bfloat16 where that is
            fast, half the bytes, and laid out.
        exact: keep all weights in float32, to train or save the model.
    """
    if not exact and bf16_is_fast(device):
        few_rows.to(torch.bfloat16)
    # Loaded weights come without the encoder's memory format, with which convolutions are a fifth faster.
    model.to(device, memory_format=torch.channels_last).eval()
    pack(few_rows)
    return model


@torch.no_grad()
def pack(module: nn.Module) -> None:
    """Lay out a module's bfloat16 matrices for `linear`. A weight that changes or moves later is simply not packed."""
    operators = torch.ops.mkldnn
    if not (hasattr(operators, "_reorder_linear_weight") and hasattr(operators, "_linear_pointwise")):
        return  # a build of torch without oneDNN
    for weight in module.parameters():
        if weight.ndim == 2 and weight.dtype == torch.bfloat16 and weight.device.type == "cpu":
            weight.packed = (weight._version, operators._reorder_linear_weight(weight.detach(), _FEW))
