"""Photos -> captions.

caption = captioner.load()("photo.jpg")    # .text .words .log_prob .alternatives .attention
"""

from .caption import Caption, Word
from .model import BUNDLED, Captioner, DecoderSettings, load
from .search import SearchSettings

__all__ = ["BUNDLED", "Caption", "Captioner", "DecoderSettings", "SearchSettings", "Word", "load"]
