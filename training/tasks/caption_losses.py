"""What a captioner is trained to do: predict people's captions, or find captions that score well itself."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from captioner.network import CaptionNetwork
from captioner.search import SearchSettings, search
from encoders.text import END, PAD, START, UNK, pad
from runtime.device import depthwise_in_float32
from training.metrics.cider import CiderD

from .caption_batch import CaptionBatch


class CaptionLoss(nn.Module):
    """What a captioner's losses share: which part of the encoder is trained.

    `forward(batch)` is the loss; of a part of a batch, what it adds to the whole one's.

    Args:
        layers: what of the encoder is trained too, and maps `batch.photos` to features: all of it, or the second part
            of `encoders.cnn.ImageEncoder.split`. None: the encoder is frozen, and `batch.photos` are its features.
        trainable_layers: of the encoder, the last so many, or all if 0; see `encoders.cnn.ImageEncoder.freeze`.
    """

    def __init__(self, captioner: CaptionNetwork, *, layers: nn.Module | None = None, trainable_layers: int = 0):
        super().__init__()
        self.captioner = captioner
        self._encode = None if layers is None else layers.forward  # its weights are the captioner's: registered once
        captioner.encoder.requires_grad_(layers is not None)
        self._frozen = [captioner.encoder] if layers is None else captioner.encoder.freeze(trainable_layers)

    def train(self, mode: bool = True) -> "CaptionLoss":
        super().train(mode)
        for layer in self._frozen:
            layer.eval()
        return self

    def features(self, batch: CaptionBatch) -> Tensor:
        """Features (P, L, D) of the batch's photos."""
        if self._encode is None:
            return batch.photos
        with depthwise_in_float32(self.captioner.encoder, batch.photos.device):
            return self._encode(batch.photos.float())  # Fabric hands them over in bfloat16


class LikelihoodLoss(CaptionLoss):
    """Cross-entropy of people's captions, plus the attention penalty.

    Args:
        layers, trainable_layers: of `CaptionLoss`.
        smoothing: label smoothing (Szegedy et al. 2016).
        look_everywhere: weight λ of the doubly-stochastic penalty mean (1 − Σ_t p)² (Xu et al. 2015).
        word_dropout, scheduled_sampling: see `captioner.decoder.Decoder.forward`; the latter grows linearly from 0.
    """

    def __init__(
        self,
        captioner: CaptionNetwork,
        *,
        layers: nn.Module | None = None,
        trainable_layers: int = 0,
        smoothing: float = 0.0,
        look_everywhere: float = 0.0,
        word_dropout: float = 0.0,
        scheduled_sampling: float = 0.0,
    ):
        super().__init__(captioner, layers=layers, trainable_layers=trainable_layers)
        self.smoothing, self.look_everywhere = smoothing, look_everywhere
        self.word_dropout, self.scheduled_sampling = word_dropout, scheduled_sampling

    def forward(self, batch: CaptionBatch) -> Tensor:
        logits, looked = self.captioner.decoder(
            self.features(batch),
            batch.tokens,
            batch.lengths,
            word_dropout=self.word_dropout,
            scheduled_sampling=self.scheduled_sampling * batch.progress,
        )
        words = batch.tokens[:, :, 1:][batch.valid]
        loss = cross_entropy(logits.float(), words, label_smoothing=self.smoothing, reduction="sum") / batch.all_words
        if self.look_everywhere:
            missed = ((1 - looked[batch.lengths > 0]) ** 2).mean(1).sum() / batch.all_captions
            loss = loss + self.look_everywhere * missed
        return loss


class SelfCriticalLoss(CaptionLoss):
    """Self-critical sequence training, for a captioner that cross-entropy has trained (Rennie et al. 2017).

    The loss is −Σ (r − b) log p over captions that the model finds itself: r is a caption's CIDEr-D, b the mean of
    the others found for the same photo, so those better than the others become likelier. It is divided by the words
    that so many of people's captions have, which is known of the whole batch before any part of it is searched.

    The captions are the beam's best, not random draws (Cornia et al. 2020): label smoothing leaves a tenth of the
    probability to words that fit nothing, and most random captions have one of them.

    The end of a sentence is scored like a word: "a dog on a" then differs from "a dog on a <end>", which keeps the
    model from learning to break off, the bad endings of plain CIDEr optimisation.

    Args:
        references: the encoded training captions of each photo; `batch.rows` are its indices.
        samples: captions found for each photo, at least 2.
        layers, trainable_layers: of `CaptionLoss`.
    """

    def __init__(
        self,
        captioner: CaptionNetwork,
        *,
        references: Sequence[Sequence[Sequence[int]]],
        samples: int = 5,
        layers: nn.Module | None = None,
        trainable_layers: int = 0,
    ):
        super().__init__(captioner, layers=layers, trainable_layers=trainable_layers)
        self.samples = samples
        self._cider = CiderD([[[*caption, END] for caption in photo] for photo in references])

    def train(self, mode: bool = True) -> "SelfCriticalLoss":
        super().train(False)  # dropout would judge other captions than were found
        return self

    def forward(self, batch: CaptionBatch) -> Tensor:
        device = batch.photos.device
        features = self.features(batch)
        found = self._find(features)  # P lists of Q captions, tokens only
        rewards = torch.tensor([[self._cider(row, caption) for caption in photo]
                                for row, photo in zip(batch.rows.tolist(), found, strict=True)],
                               device=device)  # fmt: skip
        baseline = (rewards.sum(1, keepdim=True) - rewards) / (self.samples - 1)
        tokens, lengths = map(torch.from_numpy, pad([[START, *caption] for photo in found for caption in photo]))
        shape = (len(found), self.samples)
        own = CaptionBatch(features, tokens.to(device).view(*shape, -1), lengths.to(device).view(shape), batch.rows)

        logits, _ = self.captioner.decoder(features, own.tokens, own.lengths)
        words = own.tokens[:, :, 1:][own.valid]
        log_p = torch.log_softmax(logits.float(), dim=1).gather(1, words.unsqueeze(1)).squeeze(1)
        advantage = (rewards - baseline).unsqueeze(2).expand_as(own.valid)[own.valid]
        words_expected = batch.all_photos * self.samples * batch.all_words / batch.all_captions
        return -(advantage * log_p).sum() / words_expected

    @torch.no_grad()
    def _find(self, features: Tensor) -> list[list[list[int]]]:
        """The best captions a beam finds for each photo, with their end if they came to one."""
        how = SearchSettings(beam=self.samples, n=self.samples, no_repeat=0)
        decoder = self.captioner.decoder

        def step(tokens, state):
            logits, state = decoder.step(torch.from_numpy(tokens), state)
            return logits.float().cpu().numpy(), state

        found = search(step, decoder.start(features), start=START, end=END, banned=(PAD, START, UNK), settings=how)
        return [[[*h.tokens, END] if h.ended else list(h.tokens) for h in photo] for photo in found]
