"""Which folder a model's name stands for: a model that comes with Glimpse, or anyone's own.

A bundled model lies in the folder of the package that uses it, and is found by its path: nothing of that package is
imported, so that each can find the other's model.
"""

from pathlib import Path

BUNDLED_CAPTIONER, BUNDLED_VQA = "bundled-captioner", "bundled-vqa"
_PACKAGES = {BUNDLED_CAPTIONER: "captioner", BUNDLED_VQA: "vqa"}


def resolve_model(model) -> Path:
    """The folder that a model's name stands for: a bundled model's, or that path. It need not exist."""
    package = _PACKAGES.get(str(model))
    return Path(__file__).parents[1] / package / "bundled" if package else Path(model)


def is_bundled(model) -> bool:
    """Whether this is a bundled model's name."""
    return str(model) in _PACKAGES
