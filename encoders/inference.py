"""A loaded model made ready for use: faster, and no longer to be trained or saved."""

import torch
from torch import nn

from runtime.checkpoint import fingerprint
from runtime.device import bf16_is_fast

from .cnn import ImageEncoder
from .fold import fold_batchnorm
from .linear import pack


def prepare_for_inference(
    network: nn.Module, *, few_rows: nn.Module, encoder: ImageEncoder | None, device: torch.device, exact: bool
) -> None:
    """Put a network on its device in evaluation mode and, unless `exact`, make it fast.

    Args:
        few_rows: the part of it that reads all its weights for a row or three: they are made bfloat16 where that is
            fast, since half the bytes take half the time, and laid out (`encoders.linear`).
        encoder: the part of it whose batch normalisations are folded; None where it is another model's too.
        exact: leave the weights as they were trained.
    """
    if not exact and bf16_is_fast(device):
        few_rows.to(torch.bfloat16)
    # Loaded weights come without the encoder's memory format, with which convolutions are a fifth faster.
    network.to(device, memory_format=torch.channels_last).eval()
    if exact:
        return
    if encoder is not None:
        fold_encoder(encoder)
    pack(few_rows)


@torch.no_grad()
def fold_encoder(encoder: ImageEncoder) -> None:
    """Fold an encoder's batch normalisations, where that gives the same features. Its fingerprint stays."""
    if encoder.folded_from or not any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules()):
        return
    before = encoder_fingerprint(encoder)
    weight = next(encoder.parameters())
    size = (1, 3, encoder.image_size, encoder.image_size)
    example = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(weight.device, weight.dtype)
    trunk = fold_batchnorm(encoder.trunk, example.contiguous(memory_format=torch.channels_last))
    if trunk is not encoder.trunk:
        encoder.trunk, encoder.folded_from = trunk, before


def encoder_fingerprint(encoder: ImageEncoder) -> str:
    """What an encoder is known by: its exact weights as they were trained, and its shape."""
    return encoder.folded_from or fingerprint(encoder, encoder.config())
