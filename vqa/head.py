"""Question vector and photo features -> a score for each answer.

Knows neither words nor pictures: tensors in, tensors out. Several questions on one photo share its features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from encoders.attention import SoftAttention
from encoders.recurrent import RecurrentSettings
from runtime.errors import SettingError

from .fusion import FUSIONS

POOLINGS = {"mean": 0, "glimpse": 1, "two-glimpses": 2}  # how often a question looks


@dataclass(frozen=True)
class Memory:
    """What questions attend to: the encoded photos.

    Attributes:
        features: (P, L, D), normalised.
        keys: (P, L, A), the photo's side of the attention; None where it only takes the mean.
    """

    features: Tensor
    keys: Tensor | None


@dataclass(frozen=True)
class HeadSettings(RecurrentSettings):
    """Sizes and kinds of the question's side, its recurrent network's, and the head; see `QuestionEncoder`, `Head`.

    Raises:
        SettingError: a size below 1, or a dropout that is no share.
    """

    embedding_size: int = 256
    question_size: int = 512
    pooling: str = "glimpse"
    attention_size: int = 256
    fusion: str = "concat"
    hidden_size: int = 512
    dropout: float = 0.3
    photo: bool = True

    def __post_init__(self):
        super().__post_init__()
        for name in ("embedding_size", "question_size", "attention_size", "hidden_size"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more, such as 512.")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout is {self.dropout}; choose a share from 0 up to 1.")


class Head(nn.Module):
    """Fuse a question with what it sees in the photo, and score every answer.

    vᵢ ← LayerNorm(vᵢ), so that the features of any encoder come at one scale.
    The photo's vector v is, by `pooling`:
      mean:          (1/L) Σ vᵢ
      glimpse:       z = Σ pᵢ vᵢ, where the question q looks (`encoders.attention`)
      two-glimpses:  [z; z'], where z' = Σ p'ᵢ vᵢ is where q + U z looks (stacked attention, Yang et al. 2016)
    h = fusion(q, v) (`vqa.fusion`);  answer scores = W h + b.

    A question asked blind, without the photo, has v = 0. In training, dropout falls on q, v and h.

    Args:
        photo: False for a model that never sees one, the question-only twin: every question is asked blind.

    Raises:
        SettingError: an unknown pooling or fusion.
    """

    def __init__(
        self,
        *,
        question_size: int,
        feature_size: int,
        answers: int,
        pooling: str = "glimpse",
        attention_size: int = 256,
        fusion: str = "concat",
        hidden_size: int = 512,
        dropout: float = 0.3,
        photo: bool = True,
    ):
        super().__init__()
        if pooling not in POOLINGS:
            raise SettingError(f"there is no pooling {pooling!r}; choose one of {', '.join(POOLINGS)}.")
        if fusion not in FUSIONS:
            raise SettingError(f"there is no fusion {fusion!r}; choose one of {', '.join(FUSIONS)}.")
        self.photo, self.dropout = photo, dropout
        self.glimpses = POOLINGS[pooling] if photo else 0
        self.norm = nn.LayerNorm(feature_size)
        self.attentions = nn.ModuleList(
            SoftAttention(feature_size=feature_size, query_size=question_size, attention_size=attention_size)
            for _ in range(self.glimpses)
        )
        self.again = nn.ModuleList(nn.Linear(feature_size, question_size) for _ in range(self.glimpses - 1))
        self.fusion = FUSIONS[fusion](question_size, feature_size * max(1, self.glimpses), hidden_size)
        self.output = nn.Linear(hidden_size, answers)

    def start(self, features: Tensor) -> Memory:
        """What all questions on a photo share, computed once: features (P, L, D)."""
        features = self.norm(features)
        keys = [attention.keys(features) for attention in self.attentions]
        return Memory(features, torch.cat(keys, dim=2) if keys else None)

    def pool(self, q: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """q (P, Q, H) -> the photo's vector v (P, Q, D · max(1, G)), and where each glimpse looked, p (P, Q, G, L)."""
        P, Q, _ = q.shape
        if not self.glimpses:
            v = memory.features.mean(dim=1, keepdim=True).expand(P, Q, -1)
            return v, v.new_zeros(P, Q, 0, memory.features.shape[1])
        keys = memory.keys.split(self.attentions[0].W_v.out_features, dim=2)
        vectors, attention_maps = [], []
        for n, attention in enumerate(self.attentions):
            query = q if n == 0 else q + self.again[n - 1](vectors[-1])
            z, p = attention(query, memory.features, keys[n])
            vectors.append(z)
            attention_maps.append(p)
        return torch.cat(vectors, dim=2), torch.stack(attention_maps, dim=2)

    def forward(self, q: Tensor, memory: Memory, blind: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score the answers.

        Args:
            q: (P, Q, H), Q questions for each photo.
            memory: of the P photos, from `start`.
            blind: bool (P, Q), true for a question that is asked without its photo; none unless given.

        Returns:
            logits (P, Q, N) of the N answers, and where each of G glimpses looked, p (P, Q, G, L).
        """
        q = dropout(q, self.dropout, self.training)
        v, p = self.pool(q, memory)
        v = dropout(v, self.dropout, self.training)
        if not self.photo:
            v = torch.zeros_like(v)
        elif blind is not None:
            v = v.masked_fill(blind.unsqueeze(2), 0.0)
        h = dropout(self.fusion(q, v), self.dropout, self.training)
        return self.output(h), p
