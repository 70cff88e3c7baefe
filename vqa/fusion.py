"""Fusions: a question's vector q and a photo's vector v -> one hidden vector h. Each reads as its equation."""

import torch
from torch import Tensor, nn


class Fusion(nn.Module):
    """`fusion(q (..., H), v (..., D)) -> h (..., hidden_size)`."""

    def __init__(self, question_size: int, image_size: int, hidden_size: int):
        super().__init__()


class Concat(Fusion):
    """h = relu(W [q; v] + b)."""

    def __init__(self, question_size: int, image_size: int, hidden_size: int):
        super().__init__(question_size, image_size, hidden_size)
        self.W = nn.Linear(question_size + image_size, hidden_size)

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        return torch.relu(self.W(torch.cat((q, v), dim=-1)))


class Product(Fusion):
    """h = tanh(W_q q + b) ⊙ tanh(W_v v + c) (Antol et al. 2015)."""

    def __init__(self, question_size: int, image_size: int, hidden_size: int):
        super().__init__(question_size, image_size, hidden_size)
        self.W_q = nn.Linear(question_size, hidden_size)
        self.W_v = nn.Linear(image_size, hidden_size)

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        return torch.tanh(self.W_q(q)) * torch.tanh(self.W_v(v))


class LowRank(Fusion):
    """h = P (tanh(U q + b) ⊙ tanh(V v + c)), low-rank bilinear pooling (Kim et al. 2017).

    Without the tanh each hₖ is a bilinear form qᵀ Mₖ v, with matrices Mₖ = Uᵀ diag(Pₖ) V of rank 2 H at most.
    """

    def __init__(self, question_size: int, image_size: int, hidden_size: int):
        super().__init__(question_size, image_size, hidden_size)
        rank = 2 * hidden_size
        self.U = nn.Linear(question_size, rank)
        self.V = nn.Linear(image_size, rank)
        self.P = nn.Linear(rank, hidden_size, bias=False)

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        return self.P(torch.tanh(self.U(q)) * torch.tanh(self.V(v)))


FUSIONS: dict[str, type[Fusion]] = {"concat": Concat, "product": Product, "low-rank": LowRank}
