"""Batch normalisation folded into the convolutions before it: the same function in half the time, for use only."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


@torch.no_grad()
def fold_batchnorm(network: nn.Module, example: torch.Tensor) -> nn.Module:
    """A copy of a network in evaluation mode, in which y = γ (W x − μ) / σ + β is one convolution.

    A convolution and a batch normalisation are folded where they are registered one after the other. A network that
    does not apply them in that order would give something else, so the copy is compared with the original on an
    example, and the original is returned where they differ.

    Args:
        example: an input, (B, 3, S, S).
    """
    network = network.eval()
    folded = copy.deepcopy(network)
    for parent in list(folded.modules()):
        children = list(parent.named_children())
        for (_, conv), (name, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
                conv.weight, conv.bias = fuse_conv_bn_weights(
                    conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
                )
                setattr(parent, name, getattr(norm, "act", nn.Identity()))  # timm's normalisations carry an activation
    folded.requires_grad_(False)
    before = network(example)
    return folded if torch.allclose(folded(example), before, rtol=1e-3, atol=1e-3 * before.abs().max()) else network
