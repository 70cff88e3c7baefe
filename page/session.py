"""What a visitor's session keeps of the photo on the page."""

from dataclasses import dataclass
from typing import Any

from captioner import Caption, Captioner
from vqa import Look


@dataclass(frozen=True)
class Seen:
    """What a session keeps of the photo on its page, which is encoded once.

    Attributes:
        photo: no larger than `SHOWN_SIDE`.
        features: (1, L, D), by the encoder of `captioner`.
        look: for questions, from the first one on.
        talk: the conversation, as `gr.Chatbot` takes it.
    """

    photo: Any
    captioner: Captioner
    features: Any
    caption: Caption
    look: Look | None = None
    talk: tuple[dict, ...] = ()
