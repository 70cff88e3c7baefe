"""Features -> words, one at a time: an LSTM that looks at the photo before each word. (Xu et al. 2015)

The step's equations are written once, in `advance`; teacher forcing, greedy, sampling and beam all go through it.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, pad

from encoders.attention import MeanAttention, SoftAttention
from encoders.blocks import round_up_to_block
from encoders.linear import Linear, linear
from encoders.recurrent import Recurrent, RecurrentSettings
from encoders.text import PAD, UNK
from runtime.errors import SettingError

from .state import DecoderState

WORDS = 256  # words are scored in multiples of so many, for the reason that `round_up_to_block` gives


@dataclass(frozen=True)
class DecoderSettings(RecurrentSettings):
    """Sizes of the decoder, and which recurrent network it has; see `Decoder`.

    Attributes:
        attention_size: 0 for a decoder that sees the mean of the photo before every word.
        initial_state: `photo`, `zero` or `learnt`.

    Raises:
        SettingError: a size below 1, or a dropout that is no share.
    """

    embedding_size: int = 512
    hidden_size: int = 512
    attention_size: int = 512
    dropout: float = 0.3
    projection_size: int = 0
    initial_state: str = field(default="photo", kw_only=True)

    INITIAL_STATES: ClassVar[tuple[str, ...]] = ("photo", *RecurrentSettings.INITIAL_STATES)

    def __post_init__(self):
        super().__post_init__()
        for name in ("projection_size", "attention_size"):
            if getattr(self, name) < 0:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 0 for none, or a size such as 512.")
        for name in ("embedding_size", "hidden_size"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}; choose 1 or more, such as 512.")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout is {self.dropout}; choose a share from 0 up to 1.")


class Decoder(nn.Module):
    """Soft-attention decoder.

    h₀, c₀ = tanh(W mean(v)), or zero, or learnt; then for each word, with y the one before and h the state before:
    z = Σ pᵢ vᵢ (`encoders.attention`);  ẑ = σ(W_β h) ⊙ z;  h' = cell([E y; ẑ], h);
    o = tanh(W_o [E y; h'; ẑ]);  word scores = Eᵀ o + b, with the embedding E tied (Press & Wolf 2017).

    Args:
        attention_size: 0 for no attention: pᵢ = 1 / L.
        projection_size: the features are first projected to so many numbers, v = relu(W_p v'), as bottom-up attention
            does (Anderson et al. 2018): once a photo, so that each word's products are smaller. 0: as they are.
        recurrent: which recurrent network; the fields of `RecurrentSettings`.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        feature_size: int,
        embedding_size: int = 512,
        hidden_size: int = 512,
        attention_size: int = 512,
        dropout: float = 0.3,
        projection_size: int = 0,
        cell: str = "lstm",
        initial_state: str = "photo",
        **recurrent,
    ):
        super().__init__()
        self.dropout = dropout
        self.projection = Linear(feature_size, projection_size) if projection_size else None
        feature_size = projection_size or feature_size
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PAD)
        sizes = {"feature_size": feature_size, "query_size": hidden_size, "attention_size": attention_size}
        self.attention = SoftAttention(**sizes) if attention_size else MeanAttention()
        self.gate = Linear(hidden_size, feature_size)
        from_photo = initial_state == "photo"
        self.recurrent = Recurrent(
            cell, embedding_size + feature_size, hidden_size, dropout=dropout,
            initial_state="zero" if from_photo else initial_state, **recurrent,
        )  # fmt: skip
        size = len(self.recurrent.layers) * self.recurrent.parts * hidden_size
        self.first = Linear(feature_size, size) if from_photo else None
        self.output = Linear(embedding_size + hidden_size + feature_size, embedding_size)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        # Tied weights must start small, or the first word scores are huge.
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0

    def start(self, features: Tensor) -> DecoderState:
        """Before the first word: features (B, L, D) -> a state of B rows, one a photo."""
        if self.projection is not None:
            features = dropout(torch.relu(self.projection(features)), self.dropout, self.training)
        keys = self.attention.keys(features)
        recurrent = self.recurrent.initial_state(keys)
        if self.first is not None:
            recurrent = torch.tanh(self.first(features.mean(dim=1))).view(recurrent.shape)
        # Converted here, or autocast would convert them again for every word.
        return DecoderState(features.to(keys.dtype), keys, recurrent)

    def advance(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The word before and the state -> o (B, E), from which `logits` scores the next word; the new state.

        Args:
            tokens: (B,), or a probability for every word, (B, V), of which y is the mean embedding.
        """
        photos = state.features.shape[0]  # not `len`, which ONNX would take for a constant
        y = tokens @ self.embedding.weight if tokens.is_floating_point() else self.embedding(tokens)
        y = dropout(y, self.dropout, self.training)  # (B, E)
        h = state.recurrent[:, -1, 0]  # the top layer's, (B, H)
        z, p = self.attention(h.view(photos, -1, self.recurrent.hidden_size), state.features, state.keys)
        z = torch.sigmoid(self.gate(h)) * z.flatten(0, 1)  # (B, D)
        h, recurrent = self.recurrent.step(torch.cat((y, z), dim=1), state.recurrent)
        o = torch.tanh(self.output(torch.cat((y, h, z), dim=1)))
        return o, replace(state, recurrent=recurrent, p=p.flatten(0, 1))

    def logits(self, o: Tensor) -> Tensor:
        """o (..., E) -> logits (..., V)."""
        return linear(dropout(o, self.dropout, self.training), self.embedding.weight, self.bias)

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """The word before (B,) and the state -> logits (B, V) of the next word, and the new state."""
        o, state = self.advance(tokens.to(self.bias.device), state)  # searches keep their tokens on the CPU
        return self.logits(o), state

    def forward(
        self,
        features: Tensor,
        tokens: Tensor,
        lengths: Tensor,
        *,
        word_dropout: float = 0.0,
        scheduled_sampling: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Teacher forcing: score each word of given captions from the words before it.

        Args:
            features: (P, L, D); tokens: (P, Q, T), Q captions a photo, each start … end, padded.
            lengths: (P, Q), start and end counted; 0 for a caption that is not there. Time goes on only for the
                blocks of photos and the captions that still have words, so put the longest first in both directions.
            word_dropout: share of the words given that are replaced by <unk>, so that the photo is needed.
            scheduled_sampling: share of the words given that the model draws itself (Bengio et al. 2015).

        Returns:
            logits (N, V) of the N words after `start`, in the order of `tokens[:, :, 1:][valid]` where
            valid = t < lengths - 1; and the attention each cell got in all, Σ_t p, (P, Q, L).
        """
        P, Q, T = tokens.shape
        steps = T - 1
        given = tokens[:, :, :-1]
        if word_dropout:
            dropped = torch.rand(given.shape, device=given.device) < word_dropout
            dropped[:, :, 0] = False
            given = given.masked_fill(dropped, UNK)
        valid = torch.arange(steps, device=tokens.device) < (lengths - 1).unsqueeze(2)  # (P, Q, T-1)
        photos = [min(P, round_up_to_block(n)) for n in _still_needed(valid.any(1))]  # each step, the first so many
        captions = _still_needed(valid.any(0))

        state = self.start(features)
        state = state.select(torch.arange(P, device=tokens.device).unsqueeze(1).expand(P, Q))
        outputs, attended = [], torch.zeros(P, Q, features.shape[1], device=features.device)
        for t, (p, q) in enumerate(zip(photos, captions, strict=True)):
            state = _shrink(state, p, q)
            if self.recurrent.truncate and t and t % self.recurrent.truncate == 0:
                state = replace(state, recurrent=state.recurrent.detach())
            word = given[:p, :q, t].reshape(-1)
            if scheduled_sampling and t > 0:
                own = torch.rand(word.shape, device=word.device) < scheduled_sampling
                word = torch.where(own, self._draw(outputs[-1][:p, :q]), word)
            o, state = self.advance(word, state)
            o = o.view(p, q, -1)
            outputs.append(pad(o, (0, 0, 0, Q - q, 0, P - p)))
            seen = state.p.view(p, q, -1) * valid[:p, :q, t, None]
            attended = attended + pad(seen, (0, 0, 0, Q - q, 0, P - p))
        o = torch.stack(outputs, dim=2)[valid[:, :, : len(outputs)]]
        return self.logits(pad(o, (0, 0, 0, -len(o) % WORDS)))[: len(o)], attended

    @torch.no_grad()
    def _draw(self, o: Tensor) -> Tensor:
        """One word a row from the model's own distribution: o (P, Q, E) -> (P * Q,)."""
        return torch.multinomial(torch.softmax(self.logits(o.flatten(0, 1)).float(), dim=1), 1).squeeze(1)


def _still_needed(any_valid: Tensor) -> list[int]:
    """bool (rows, steps) -> for each step, 1 + the last row that is valid there, up to the last step with any."""
    counts = (any_valid * torch.arange(1, len(any_valid) + 1, device=any_valid.device).unsqueeze(1)).amax(0)
    return [count for count in counts.tolist() if count]


def _shrink(state: DecoderState, photos: int, captions: int) -> DecoderState:
    """The state of the first so many photos and of the first so many captions of each."""
    P = len(state.features)
    Q = len(state) // P
    if (photos, captions) == (P, Q):
        return state
    recurrent = state.recurrent.unflatten(0, (P, Q))[:photos, :captions].flatten(0, 1)
    return DecoderState(state.features[:photos], state.keys[:photos], recurrent)
