"""Questions about photos -> answers.

answers = vqa.load()("photo.jpg", "what colour is the dog?")    # [Answer(.text .probability .sure .attention), ...]
look = vqa.load().look("photo.jpg")                             # encodes the photo once
look.ask("what colour is the dog?")[0].text                     # best first
"""

from importlib import import_module

from runtime.errors import ModelError, PhotoError, QuestionError, SettingError

from .answer import Answer
from .answers import AnswerSet
from .engine import Engine
from .model import BUNDLED, load
from .predictor import Answerer, Look

__all__ = [
    "BUNDLED",
    "Answer",
    "AnswerNetwork",
    "AnswerSet",
    "Answerer",
    "Engine",
    "HeadSettings",
    "Look",
    "ModelError",
    "PhotoError",
    "QuestionError",
    "SettingError",
    "load",
]

_IN_PYTORCH = {"AnswerNetwork": ".network", "HeadSettings": ".head"}  # imported when they are asked for


def __getattr__(name: str):
    if name in _IN_PYTORCH:
        return getattr(import_module(_IN_PYTORCH[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
