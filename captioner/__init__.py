"""Photos -> captions.

caption = captioner.load()("photo.jpg")    # .text .words .log_prob .alternatives .attention
"""

from runtime.errors import ModelError, PhotoError, SettingError

from .caption import Caption, Word
from .decoder import DecoderSettings
from .engine import Engine
from .model import BUNDLED, load
from .network import CaptionNetwork
from .predictor import Captioner
from .search import SearchSettings

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
