"""`python -m training share`."""

import torch

import captioner
import vqa
from runtime.bundled import folder_of
from runtime.checkpoint import read_config
from runtime.command import say
from training.config.commands import ShareConfig


def share(config: ShareConfig) -> None:
    """Write a model folder in half precision."""
    package = vqa if read_config(folder_of(config.model))["kind"] == "vqa" else captioner
    loaded = package.load(config.model, exact=True)
    if config.note:
        loaded.about["note"] = config.note
    loaded.save(config.out, dtype=torch.float16)
    say(f"{config.out}: {sum(file.stat().st_size for file in config.out.iterdir()) / 1e6:.1f} MB")
