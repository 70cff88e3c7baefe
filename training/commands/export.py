"""`python -m training export`: ONNX graphs, with which a model is used without PyTorch."""

from importlib.util import find_spec
from pathlib import Path

from captioner.album import photos_in
from encoders.images import open_photo
from runtime.command import print_error
from runtime.errors import SettingError
from training.config.commands import ExportConfig
from training.tasks.export import export_model

MAX_PHOTOS = 32  # photos on which the engines are compared


def export(config: ExportConfig) -> None:
    """Write the graphs, and compare them with PyTorch."""
    chosen = [open_photo(path) for path in photos_in([config.photos or _examples()])[:MAX_PHOTOS]]
    folder, compared = export_model(config.model, config.out, chosen)
    print_error(
        f"{folder}: logits differ from PyTorch's by {compared.logits:.1g} at most, on {compared.photos} photos."
    )


def _examples() -> Path:
    """The photos that Gradio ships.

    Raises:
        SettingError: it is not installed.
    """
    found = find_spec("gradio")
    if found is None:
        raise SettingError("the graphs are compared with PyTorch on photos; give a folder of some with --photos.")
    return Path(found.origin).parent / "media_assets" / "images"
