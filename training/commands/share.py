"""`python -m training share`."""

import torch

import captioner
import vqa
from runtime.bundled import resolve_model
from runtime.checkpoint import CONFIG, read_config
from runtime.command import print_error
from runtime.errors import SettingError, printable
from training.config.commands import ShareConfig
from training.tasks.start import extend_captioner

SCORES = ("validation", "test", "before", "after")  # of `about`, on photos of the size that it was trained on


def share(config: ShareConfig) -> None:
    """Write a model folder in half precision.

    Raises:
        SettingError: OUT holds a model already, or the image size is of a VQA model. Others: see `load` and `save`.
    """
    if (config.out / CONFIG).exists() and not config.overwrite:
        raise SettingError(f"{printable(config.out)} holds a model already; replace it with --overwrite, or choose "
                           "another OUT.")  # fmt: skip
    package = vqa if read_config(resolve_model(config.model))["kind"] == "vqa" else captioner
    loaded = package.load(config.model, exact=True)
    if config.image_size:
        if package is vqa:
            raise SettingError("--image-size is of a captioner; train the VQA model anew on the encoder of that size.")
        about = {name: value for name, value in loaded.about.items() if name not in SCORES}
        loaded = extend_captioner(config.model, (), min_count=1, image_size=config.image_size)
        loaded.about = about
    if config.note:
        loaded.about["note"] = config.note
    loaded.save(config.out, dtype=torch.float16)
    print_error(f"{config.out}: {sum(file.stat().st_size for file in config.out.iterdir()) / 1e6:.1f} MB")
