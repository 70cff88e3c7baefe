"""A question's words -> one vector: embedding, recurrent cell, last valid state."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, pad

from .blocks import round_up_to_block
from .recurrent import Recurrent
from .text import PAD


class QuestionEncoder(nn.Module):
    """tokens (B, T) and lengths (B,) -> (B, H). What stands in the padding never changes the vector.

    An empty question (length 0) is read as one padding token, whose embedding is zero.

    Args:
        recurrent: which recurrent network; the fields of `RecurrentSettings`.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding_size: int,
        hidden_size: int,
        cell: str = "lstm",
        dropout: float = 0.0,
        **recurrent,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PAD)
        self.recurrent = Recurrent(cell, embedding_size, hidden_size, dropout=dropout, **recurrent)
        self.dropout = dropout

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        B, T = tokens.shape
        if B > 1:  # one question is a person's, who waits for its answer
            tokens = pad(tokens, (0, round_up_to_block(T) - T, 0, round_up_to_block(B) - B), value=PAD)
        x = dropout(self.embedding(tokens), self.dropout, self.training)  # (B, T, E)
        h, _ = self.recurrent(x)
        last = lengths.clamp(min=1) - 1
        return h[torch.arange(B, device=last.device), last]  # (B, H)
