"""Photos -> captions.

caption = captioner.load()("photo.jpg")    # .text .words .log_prob .alternatives .attention
"""

from importlib import import_module

from runtime.errors import ModelError, PhotoError, SettingError

from .caption import Caption, Word
from .engine import Engine
from .model import BUNDLED, load
from .predictor import Captioner
from .search_settings import SearchSettings

__all__ = [
    "BUNDLED",
    "Caption",
    "CaptionNetwork",
    "Captioner",
    "DecoderSettings",
    "Engine",
    "ModelError",
    "PhotoError",
    "SearchSettings",
    "SettingError",
    "Word",
    "load",
]

_IN_PYTORCH = {"CaptionNetwork": ".network", "DecoderSettings": ".decoder"}  # imported when they are asked for


def __getattr__(name: str):
    if name in _IN_PYTORCH:
        return getattr(import_module(_IN_PYTORCH[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
