"""Captioners side by side: what each model of a folder says of one photo. A study leaves such a folder."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import captioner
from captioner import Captioner, SearchSettings
from runtime.checkpoint import CONFIG
from runtime.errors import ModelError, printable

from .site import NO_WORDS

STYLE = """<style>
.side-by-side {display: grid; grid-template-columns: minmax(0, max-content) minmax(50%, 1fr); gap: .4em 1.25em}
.side-by-side dt {color: var(--body-text-color-subdued)}
.side-by-side dd {margin: 0}
</style>"""


def load_captioners(folder: Path) -> dict[str, Captioner]:
    """The captioners of a study (`STUDY/models/NAME`), or of any folder of model folders, by their folders' names.

    Those with the same encoder share one copy of it.

    Raises:
        ModelError: there is none, or one of them cannot be loaded.
    """
    models = folder / "models" if (folder / "models").is_dir() else folder
    found: dict[str, Captioner] = {}
    encoders: dict[str, Any] = {}
    for config in sorted(models.glob(f"*/{CONFIG}")):
        model = captioner.load(config.parent, engine="torch")
        network = model.network
        network.encoder = encoders.setdefault(network.encoder_fingerprint, network.encoder)
        found[config.parent.name] = model
    if not found:
        raise ModelError(
            f"{printable(folder)} holds no captioners to compare; give the folder of a study that trains them "
            "(`python -m training study odyssey`), or one with a model folder for each."
        )
    return found


def captions_of(captioners: Mapping[str, Captioner], photo) -> dict[str, str]:
    """What each captioner says of a photo, greedily. The photo is encoded once for all that share an encoder."""
    features: dict[tuple, Any] = {}
    captions = {}
    for name, model in captioners.items():
        key = (id(model.network.encoder), model.preprocessing)
        if key not in features:
            features[key] = model.encode(model.preprocessing(photo)[None])
        captions[name] = model.describe(features[key], SearchSettings(beam=1))[0].text
    return captions


def comparison_html(captioners: Mapping[str, Captioner], photo) -> str:
    """Names and captions, a line each; nothing where there is nothing to compare."""
    if not captioners:
        return ""
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text or NO_WORDS)}</dd>"
                    for name, text in captions_of(captioners, photo).items())  # fmt: skip
    return f"{STYLE}<h3>What other networks say of it</h3><dl class='side-by-side'>{lines}</dl>"
