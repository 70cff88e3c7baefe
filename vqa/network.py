"""The answerer's network: photos and questions -> answer scores. Knows tensors only; `vqa.predictor` knows the rest."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from encoders.cnn import ImageEncoder
from encoders.photo_network import PhotoNetwork
from encoders.question import QuestionEncoder

from .head import Head, HeadSettings, Memory


class AnswerNetwork(PhotoNetwork):
    """An image encoder, a question encoder and a head: the engine of an `Answerer` in PyTorch, and what training fits.

    Training calls the network itself. The engine's functions need no gradient, and take arrays as well as tensors.

    Args:
        encoder: the photo's side.
        vocabulary_size: V, of questions.
        answers: N, how many answers there are to choose from.
        settings: of the question's side and the head.
    """

    def __init__(
        self, encoder: ImageEncoder, *, vocabulary_size: int, answers: int, settings: HeadSettings | None = None
    ):
        super().__init__()
        self.settings = s = settings or HeadSettings()
        self.encoder = encoder
        self.question = QuestionEncoder(
            vocabulary_size=vocabulary_size,
            embedding_size=s.embedding_size,
            hidden_size=s.question_size,
            dropout=s.dropout,
            **s.recurrent,
        )
        self.head = Head(
            question_size=s.question_size,
            feature_size=encoder.feature_size,
            answers=answers,
            pooling=s.pooling,
            attention_size=s.attention_size,
            fusion=s.fusion,
            hidden_size=s.hidden_size,
            dropout=s.dropout,
            photo=s.photo,
        )

    @property
    def device(self) -> torch.device:
        return self.head.output.bias.device

    @property
    def feature_size(self) -> int:
        """D."""
        return self.encoder.feature_size

    @property
    def glimpses(self) -> int:
        """G, how often a question chooses where to look."""
        return self.head.glimpses

    @torch.inference_mode()
    def start(self, features: np.ndarray | Tensor) -> Memory:
        """What all questions on P photos share, computed once: features (P, L, D)."""
        return self.head.start(torch.as_tensor(features).to(self.device))

    @torch.inference_mode()
    def answer(self, memory: Memory, tokens, lengths, blind=None) -> tuple[np.ndarray, np.ndarray]:
        """Score every answer to Q questions on each of P photos; arguments and results as of `vqa.engine.Engine`."""
        tokens, lengths = (torch.as_tensor(x).to(self.device) for x in (tokens, lengths))
        blind = None if blind is None else torch.as_tensor(blind).to(self.device)
        logits, p = self._score(memory, tokens, lengths, blind)
        return logits.float().cpu().numpy(), p.float().cpu().numpy()

    def forward(
        self, features: Tensor, tokens: Tensor, lengths: Tensor, blind: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`start` and `answer` in one, in tensors and with a gradient: features (P, L, D)."""
        return self._score(self.head.start(features), tokens, lengths, blind)

    def _score(self, memory: Memory, tokens: Tensor, lengths: Tensor, blind: Tensor | None) -> tuple[Tensor, Tensor]:
        q = self._encode_questions(tokens.flatten(0, 1), lengths.flatten()).unflatten(0, lengths.shape)
        return self.head(q.to(self.head.output.weight.dtype), memory, blind)

    def _encode_questions(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Questions (N, T) -> (N, H). The same is asked about many photos: each different question is encoded once."""
        if len(lengths) == 1:
            return self.question(tokens, lengths)
        unique_questions, inverse = torch.cat((lengths.unsqueeze(1), tokens), dim=1).unique(dim=0, return_inverse=True)
        vectors = self.question(unique_questions[:, 1:], unique_questions[:, 0])
        return embedding(inverse, vectors)  # vectors[which], with a deterministic gradient
