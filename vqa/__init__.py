"""Questions about photos -> answers.

answers = vqa.load()("photo.jpg", "what colour is the dog?")    # [Answer(.text .probability .sure .attention), ...]
look = vqa.load().look("photo.jpg")                             # encodes the photo once
look.ask("what colour is the dog?")[0].text                     # best first
"""

from runtime.errors import ModelError, PhotoError, QuestionError, SettingError

from .answer import Answer
from .answers import AnswerSet
from .engine import Engine
from .head import HeadSettings
from .model import BUNDLED, load
from .network import AnswerNetwork
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
