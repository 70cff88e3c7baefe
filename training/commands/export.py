"""The command line `python -m training export`: ONNX graphs, with which a model is used without PyTorch."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from runtime.command import say
from runtime.errors import SettingError

MOST = 32  # photos on which the engines are compared


def export(
    model: Annotated[str, typer.Argument(help="A model folder, bundled-captioner or bundled-vqa.")],
    out: Annotated[
        Path | None, typer.Argument(help="Folder for a copy of the model with graphs [default: MODEL].")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photos to compare on [default: Gradio's examples].")
    ] = None,
):
    """Make a model's ONNX graphs: it is then used without PyTorch, sooner and in less memory."""
    from captioner.album import photos_in
    from encoders.images import open_photo
    from training.tasks.export import export_model

    chosen = [open_photo(path) for path in photos_in([photos or _examples()])[:MOST]]
    folder, compared = export_model(model, out, chosen)
    say(f"{folder}: logits differ from PyTorch's by {compared.logits:.1g} at most, on {compared.photos} photos.")


def _examples() -> Path:
    """The photos that Gradio ships.

    Raises:
        SettingError: it is not installed.
    """
    found = find_spec("gradio")
    if found is None:
        raise SettingError("the graphs are compared with PyTorch on photos; give a folder of some with --photos.")
    return Path(found.origin).parent / "media_assets" / "images"
