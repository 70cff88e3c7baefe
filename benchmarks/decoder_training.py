"""Captions a second while the decoder is trained on cached features, against the straightforward loop.

The yardstick does what tutorials do: one row of image features for each caption, the photo's side of the attention
and the vocabulary projected inside every step, padding computed like words, float32. Both have the same weights and
see the same batch: 32 photos x 5 captions with lengths as people write them, features 64 x 512, 512 hidden units.

    python benchmarks/decoder_training.py
"""

import json
import statistics
import time

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from captioner.decoder import Decoder
from runtime.device import autocast
from training.tasks.caption_batch import caption_tokens

PHOTOS, CAPTIONS, CELLS, FEATURES, HIDDEN, WORDS = 32, 5, 64, 512, 512, 2500
ROUNDS = 3


class Straightforward(nn.Module):
    """Xu et al.'s loop as it is usually written, over the weights of our decoder."""

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.d = decoder
        self.cell = nn.LSTMCell(HIDDEN + FEATURES, HIDDEN)
        self.cell.load_state_dict(decoder.recurrent.layers[0].state_dict())

    def forward(self, features: Tensor, tokens: Tensor) -> Tensor:
        """features (B, L, D), one row a caption; tokens (B, T) -> logits (B, T-1, V)."""
        d, scores = self.d, []
        h, c = torch.tanh(d.first(features.mean(1))).view(len(features), 2, HIDDEN).unbind(1)
        for t in range(tokens.shape[1] - 1):
            y = d.embedding(tokens[:, t])
            energy = d.attention.w(torch.tanh(d.attention.W_v(features) + d.attention.W_h(h).unsqueeze(1)))
            p = torch.softmax(energy, dim=1)
            z = torch.sigmoid(d.gate(h)) * (p * features).sum(1)
            h, c = self.cell(torch.cat((y, z), 1), (h, c))
            o = torch.tanh(d.output(torch.cat((y, h, z), 1)))
            scores.append(o @ d.embedding.weight.T + d.bias)
        return torch.stack(scores, 1)


def main() -> None:
    torch.manual_seed(1)
    decoder = Decoder(vocabulary_size=WORDS, feature_size=FEATURES, embedding_size=HIDDEN, dropout=0.0)
    yardstick = Straightforward(decoder)
    lengths = (torch.randn(PHOTOS, CAPTIONS) * 3.8 + 10.8).round().clamp(3, 30).long().tolist()  # as in Flickr8k
    captions = [[torch.randint(4, WORDS, (n,)).tolist() for n in photo] for photo in lengths]
    tokens, lengths, _ = caption_tokens(captions)
    features = torch.randn(PHOTOS, CELLS, FEATURES)
    valid = torch.arange(tokens.shape[2] - 1) < (lengths - 1).unsqueeze(2)
    words = tokens[:, :, 1:][valid]

    def straightforward() -> Tensor:
        logits = yardstick(features.repeat_interleave(CAPTIONS, 0), tokens.flatten(0, 1))
        return cross_entropy(logits[valid.flatten(0, 1)], words)

    def ours() -> Tensor:
        with autocast(torch.device("cpu")):
            logits, _ = decoder(features, tokens, lengths)
        return cross_entropy(logits.float(), words)

    times: dict[str, list[float]] = {"straightforward": [], "ours": []}
    losses = {}
    for round_ in range(ROUNDS + 1):
        for name, loss_of in (("straightforward", straightforward), ("ours", ours)):
            start = time.perf_counter()
            loss = loss_of()
            loss.backward()
            if round_:  # the first is the warm-up
                times[name].append(time.perf_counter() - start)
            losses[name] = loss.item()
    rate = {name: PHOTOS * CAPTIONS / statistics.median(t) for name, t in times.items()}
    print(json.dumps({
        "captions_per_second": {name: round(r, 1) for name, r in rate.items()},
        "ratio": round(rate["ours"] / rate["straightforward"], 2),
        "loss": {name: round(v, 4) for name, v in losses.items()},
        "loss_difference": round(abs(losses["ours"] - losses["straightforward"]), 5),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
