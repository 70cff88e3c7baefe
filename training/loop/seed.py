"""All randomness of a training run, as a function of (seed, epoch, step): nothing of it has to be saved to resume."""

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """One 63-bit seed out of several numbers or names, unrelated for any two different inputs."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator of its own for one purpose: `generator(seed, "order", epoch)`."""
    return torch.Generator().manual_seed(derive_seed(*parts))
