"""`python -m training export`: ONNX graphs, with which a model is used without PyTorch."""

from importlib.util import find_spec
from pathlib import Path

from captioner.album import photos_in
from encoders.images import open_photo
from runtime.bundled import resolve_model
from runtime.checkpoint import read_config
from runtime.command import print_error
from runtime.errors import DataError, SettingError
from runtime.onnx_graphs import INT8
from training.config.commands import ExportConfig
from training.readers.several import read_several
from training.tasks.export import export_model
from training.tasks.question_data import read_all

MAX_PHOTOS = 32  # photos on which the engines are compared


def export(config: ExportConfig) -> None:
    """Write the graphs, and compare them with PyTorch, and those in 8 bits with the full ones."""
    chosen = [open_photo(path) for path in photos_in([config.photos or _examples()])[:MAX_PHOTOS]]
    training_photos = _training_photos(config) if config.int8 else []
    folder, compared = export_model(config.model, config.out, chosen, int8=config.int8, training_photos=training_photos)
    print_error(
        f"{folder}: logits differ from PyTorch's by {compared.logits:.1g} at most, on {compared.photos} photos."
    )
    if config.int8:
        print_error(
            f"In 8 bits it says the same in {compared.same_in_8_bits:.0%} of the cases. Score that: "
            f"python -m training evaluate {folder} --engine {INT8} --data DATA --split val"
        )


def _training_photos(config: ExportConfig) -> list:
    """The photos of the train split; none for a model that shares another's encoder.

    Raises:
        SettingError: no data were named. DataError: there is no such photo, or the data cannot be read.
    """
    model = read_config(resolve_model(config.model))
    if "from" in model.get("encoder", {}):
        return []
    if not config.data:
        raise SettingError("--int8 needs the data that the model was trained on, whose photos show what values there "
                           "are in the encoder; add --data DATA.")  # fmt: skip
    found = (read_all if model["kind"] == "vqa" else read_several)(config.data)
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
