"""Where sentences stand between two words, in the arrays or tensors of whichever engine made it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DecoderState:
    """The state of B captions between two words: rows photo by photo, Q (its captions or beams) for each photo.

    Attributes:
        features: (B / Q, L, D), as the decoder projected them, and keys: (B / Q, L, A): each photo once, shared by its
            rows.
        recurrent: (B, layers, parts, H).
        p: (B, L), where each row looked before its last word; None before the first.
    """

    features: Any
    keys: Any
    recurrent: Any
    p: Any = None

    def __len__(self) -> int:
        return len(self.recurrent)

    def select(self, rows) -> "DecoderState":
        """The state of these rows, (P', Q') with the rows of one photo in each line, in the order given.

        `rows` may be an array when the state is of tensors, on whatever device.
        """
        queries = len(self.recurrent) // len(self.features)
        photos = rows[:, 0] // queries
        if photos.tolist() == list(range(len(self.features))):
            features, keys = self.features, self.keys  # every photo still there: nothing to copy
        else:
            features, keys = self.features[photos], self.keys[photos]
        flat = rows.reshape(-1)
        return DecoderState(features, keys, self.recurrent[flat], None if self.p is None else self.p[flat])
