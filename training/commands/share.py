"""`python -m training share`."""

import torch

import captioner
import vqa
from runtime.bundled import resolve_model
from runtime.checkpoint import read_config
from runtime.command import print_error
from training.config.commands import ShareConfig


def share(config: ShareConfig) -> None:
    """Write a model folder in half precision."""
    package = vqa if read_config(resolve_model(config.model))["kind"] == "vqa" else captioner
    loaded = package.load(config.model, exact=True)
    if config.note:
        loaded.about["note"] = config.note
    loaded.save(config.out, dtype=torch.float16)
    print_error(f"{config.out}: {sum(file.stat().st_size for file in config.out.iterdir()) / 1e6:.1f} MB")
