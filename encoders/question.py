"""A question's words -> one vector: embedding, recurrent cell, last valid state."""

from torch import Tensor, nn
from torch.nn.functional import dropout

from .recurrent import Recurrent
from .text import PAD


class QuestionEncoder(nn.Module):
    """tokens (B, T) and lengths (B,) -> (B, H). What stands in the padding never changes the vector.

    An empty question (length 0) is read as one padding token, whose embedding is zero.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding_size: int,
        hidden_size: int,
        cell: str = "lstm",
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PAD)
        self.recurrent = Recurrent(cell, embedding_size, hidden_size, layers=layers, dropout=dropout)
        self.dropout = dropout

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = dropout(self.embedding(tokens), self.dropout, self.training)  # (B, T, E)
        _, state = self.recurrent(x, lengths.clamp(min=1))
        return state[:, -1, 0]  # the top layer's h, (B, H)
