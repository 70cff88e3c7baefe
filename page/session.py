"""What a visitor's session keeps of the photo on the page."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from captioner import Caption, Captioner
from vqa import Look


@dataclass
class PhotoSession:
    """The state of a session: its photo, encoded once, with caption and conversation. A new photo makes a new one.

    Handlers of one session may run at once. Each changes its own part in place, so that none puts back what another
    has changed meanwhile; `gr.State` is given another photo's, and never an old one again.

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
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def add_turn(self, question: str, answer: str) -> None:
        """Append a question and its answer to the conversation; several handlers may do so at once."""
        with self._lock:
            self.talk = (*self.talk, {"role": "user", "content": question}, {"role": "assistant", "content": answer})
