"""What a VQA model is trained to do: give the answers that people gave, each with the weight it earned."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from encoders.text import PAD, UNK
from runtime.device import depthwise_in_float32
from vqa.network import AnswerNetwork

from .teachers import Teachers


@dataclass  # Fabric rebuilds a batch when it converts or moves it, so it cannot be frozen
class VqaBatch:
    """P photos with up to Q questions each.

    Attributes:
        photos: features (P, L, D), or normalised photos (P, 3, S, S) when the encoder is trained too.
        tokens: (P, Q, T), padded; lengths: (P, Q), 0 for a question without words or one that is not there.
        answers: (P, Q, K), the outputs that are worth something; worth: (P, Q, K), how much, summing to 1 over K, and
            to 0 for a question that is not there.
        all_questions: of the whole batch that this is a part of; its own unless given.
    """

    photos: Tensor
    tokens: Tensor
    lengths: Tensor
    answers: Tensor
    soft_targets: Tensor
    all_questions: int = 0

    def __post_init__(self):
        self.all_questions = self.all_questions or len(self)

    @property
    def valid(self) -> Tensor:
        """bool (P, Q), true for a question that is there."""
        return self.soft_targets.sum(2) > 0

    def __len__(self) -> int:
        return int(self.valid.sum())


class AnswerLoss(nn.Module):
    """Cross-entropy against what each answer is worth: −Σₐ sₐ log pₐ / Σₐ sₐ, s the soft scores.

    `forward(batch)` is its mean over the questions; of a part of a batch, what it adds to the whole one's.

    Not a separate yes or no for each answer (binary cross-entropy, Teney et al. 2018): an answerer gives a
    distribution, and with one true answer this is the ordinary cross-entropy.

    With teachers, whose mean probabilities are t, a share w of it is −Σₐ tₐ log pₐ instead (Hinton et al. 2015).

    Args:
        teachers: asked the same questions of the same features, and as blind; none unless given.
        finetune_encoder, smoothing, blind, word_dropout, teacher_weight: see `training.config.task.VqaSettings`.
    """

    def __init__(
        self,
        answerer: AnswerNetwork,
        *,
        finetune_encoder: bool = False,
        smoothing: float = 0.0,
        blind: float = 0.0,
        word_dropout: float = 0.0,
        teachers: Teachers | None = None,
        teacher_weight: float = 0.0,
    ):
        super().__init__()
        self.answerer, self.finetune_encoder = answerer, finetune_encoder
        self.teachers, self.teacher_weight = teachers, teacher_weight
        self.smoothing, self.blind, self.word_dropout = smoothing, blind, word_dropout
        answerer.encoder.requires_grad_(finetune_encoder)
        answerer.head.norm.requires_grad_(answerer.head.photo)  # without photos it learns nothing

    def train(self, mode: bool = True) -> "AnswerLoss":
        super().train(mode)
        self.answerer.encoder.train(mode and self.finetune_encoder)
        return self

    def features(self, batch: VqaBatch) -> Tensor:
        """Features (P, L, D) of the batch's photos."""
        if not self.finetune_encoder:
            return batch.photos
        with depthwise_in_float32(self.answerer.encoder, batch.photos.device):
            return self.answerer.encoder(batch.photos.float())  # Fabric hands them over in bfloat16

    def forward(self, batch: VqaBatch) -> Tensor:
        tokens, blind = batch.tokens, None
        if self.word_dropout:
            lost = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            tokens = tokens.masked_fill(lost & (tokens != PAD), UNK)
        if self.blind:
            blind = torch.rand(batch.lengths.shape, device=tokens.device) < self.blind
        features = self.features(batch)
        logits, _ = self.answerer(features, tokens, batch.lengths, blind)
        log_p = torch.log_softmax(logits.float()[batch.valid], dim=1)  # (N, A)
        soft_targets = batch.soft_targets[batch.valid]
        loss = -(soft_targets * log_p.gather(1, batch.answers[batch.valid])).sum()
        if self.smoothing:
            loss = (1 - self.smoothing) * loss - self.smoothing * log_p.mean(1).sum()
        if self.teachers:
            taught = self.teachers(features, batch.tokens, batch.lengths, blind)[batch.valid]
            loss = (1 - self.teacher_weight) * loss - self.teacher_weight * (taught * log_p).sum()
        return loss / batch.all_questions
