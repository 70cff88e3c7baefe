"""Questions about photos -> answers.

look = vqa.load().look("photo.jpg")                # encodes the photo once
look.ask("what colour is the dog?")[0].text        # [Answer(.text .probability .sure .attention), ...], best first
"""

from .answer import Answer
from .answers import AnswerSet
from .head import HeadSettings
from .look import Look
from .model import BUNDLED, Answerer, load

__all__ = ["BUNDLED", "Answer", "AnswerSet", "Answerer", "HeadSettings", "Look", "load"]
