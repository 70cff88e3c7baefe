"""`python -m training export`: ONNX graphs, with which a model is used without PyTorch."""

from importlib.util import find_spec
from pathlib import Path

from captioner.album import photos_in
from encoders.images import open_photo
from runtime.bundled import resolve_model
from runtime.checkpoint import read_config
from runtime.command import print_error
from runtime.errors import DataError, SettingError
from training.config.commands import ExportConfig
from training.readers.several import read_several
from training.tasks.export import export_model
from training.tasks.export_int8 import export_int8
from training.tasks.question_data import read_all

MAX_PHOTOS = 32  # photos on which the engines are compared


def export(config: ExportConfig) -> None:
    """Write the graphs, and compare them with PyTorch; or those in 8 bits with the full ones."""
    chosen = [open_photo(path) for path in photos_in([config.photos or _examples()])[:MAX_PHOTOS]]
    if config.int8:
        folder, same = export_int8(config.model, config.out, chosen, _training_photos(config))
        print_error(
            f"{folder} computes in 8 bits; {same:.0%} of what it says of {len(chosen)} photos is as it was. "
            f"Score it: python -m training evaluate {folder} --data DATA --split val"
        )
        return
    folder, compared = export_model(config.model, config.out, chosen)
    print_error(
        f"{folder}: logits differ from PyTorch's by {compared.logits:.1g} at most, on {compared.photos} photos."
    )


def _training_photos(config: ExportConfig) -> list:
    """The photos of the train split.

    Raises:
        DataError: there is none, or the data cannot be read.
    """
    kind = read_config(resolve_model(config.model))["kind"]
    found = (read_all if kind == "vqa" else read_several)(config.data)
    photos = list(dict.fromkeys(record.image for record in found.split("train")))
    if not photos:
        raise DataError("the data has no train photo to look at; name what the model was trained on with --data.")
    return photos


def _examples() -> Path:
    """The photos that Gradio ships.

    Raises:
        SettingError: it is not installed.
    """
    found = find_spec("gradio")
    if found is None:
        raise SettingError("the graphs are compared with PyTorch on photos; give a folder of some with --photos.")
    return Path(found.origin).parent / "media_assets" / "images"
