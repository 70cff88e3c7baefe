"""Trained VQA models as teachers of another: knowledge distillation (Hinton et al. 2015)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from encoders.text import UNK
from runtime.errors import SettingError, printable
from vqa.model import Answerer, load


class Teachers:
    """What trained answerers would answer to a batch of the student's questions: the mean of their probabilities.

    They may have other words and answers than the student. A word that a teacher does not know is unknown to it, and
    its probability goes to those answers that the student can give.

    Args:
        names: model folders, or `bundled-vqa`.
        student: whose encoder they share, and in whose words and answers they are asked and answer.

    Raises:
        SettingError: a teacher is on another encoder, reads other units, or has no answer of the student's.
        ModelError: see `vqa.load`.
    """

    def __init__(self, names: Sequence[str], student: Answerer):
        self._each = [_Teacher(name, student) for name in names]

    def __len__(self) -> int:
        return len(self._each)

    @torch.no_grad()
    def __call__(self, features: Tensor, tokens: Tensor, lengths: Tensor, blind: Tensor | None = None) -> Tensor:
        """float32 (P, Q, N), of each of the student's N answers; arguments as of `AnswerNetwork`."""
        return sum(teacher(features, tokens, lengths, blind) for teacher in self._each) / len(self._each)


class _Teacher:
    def __init__(self, name: str, student: Answerer):
        answerer = load(name, exact=True, device=torch.device("cpu"))
        if answerer.network.encoder_fingerprint != student.network.encoder_fingerprint:
            raise SettingError(f"the teacher {printable(name)} has another encoder than the model to train; give one "
                               "that was trained on the same encoder.")  # fmt: skip
        if answerer.vocabulary.unit != student.vocabulary.unit:
            raise SettingError(f"the teacher {printable(name)} reads {answerer.vocabulary.unit}s, the model to train "
                               f"{student.vocabulary.unit}s; give one that reads the same.")  # fmt: skip
        place = {answer: n for n, answer in enumerate(answerer.answers.answers)}
        theirs = torch.tensor([place.get(answer, -1) for answer in student.answers.answers])
        if (theirs < 0).all():
            raise SettingError(f"the teacher {printable(name)} knows none of the {len(theirs):,} answers to learn; "
                               "give one that was trained on such questions.")  # fmt: skip
        self.network, self.temperature = answerer.network, answerer.temperature
        self.words = torch.tensor([answerer.vocabulary.ids.get(word, UNK) for word in student.vocabulary.tokens])
        self.theirs = theirs

    def __call__(self, features: Tensor, tokens: Tensor, lengths: Tensor, blind: Tensor | None) -> Tensor:
        if self.words.device != features.device:
            self.network.to(features.device)
            self.words, self.theirs = self.words.to(features.device), self.theirs.to(features.device)
        logits, _ = self.network(features, self.words[tokens], lengths, blind)
        common = (logits.float() / self.temperature)[..., self.theirs]
        return torch.softmax(common.masked_fill(self.theirs < 0, float("-inf")), dim=2)
