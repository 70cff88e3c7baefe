"""What this machine computes on: the device and the precision, chosen once, at the edge."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn


def best_device() -> torch.device:
    """The first GPU, or else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_is_fast(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def autocast(device: torch.device, *, weights: torch.dtype = torch.float32) -> torch.autocast:
    """A context in which convolutions and products run in bfloat16 where that is fast, and as they are elsewhere.

    Args:
        weights: what the module's weights are; where they are bfloat16 already, there is nothing to convert.
    """
    convert = weights == torch.float32 and bf16_is_fast(device)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=convert)


def depthwise_in_float32(network: nn.Module, device: torch.device) -> AbstractContextManager:
    """A context to train `network` in: on a CPU, one with depthwise convolutions leaves autocast and keeps float32.

    Their gradients take longer there in bfloat16: for EfficientNet-Lite2's last two stages 0.63 s a step, not 0.36.
    """
    slow = device.type == "cpu" and any(isinstance(m, nn.Conv2d) and m.groups > 1 for m in network.modules())
    return torch.autocast(device.type, enabled=False) if slow else nullcontext()
