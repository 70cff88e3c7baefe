"""Time of a decoder's step and of a training step with each recurrent cell, against the LSTM's in the same run.

A step as in a beam search (3 rows) and as in training (160 rows, forward and backward), 64 x 384 features, 512 hidden
units, 2,500 words, float32. Seconds are the processor's own, and the variants take turns with the LSTM, so that a busy
machine slows both alike.

    python benchmarks/recurrent_cells.py
"""

import json
import statistics
import time

import torch

from captioner.decoder import Decoder
from encoders.recurrent import GRUCell, LSTMVariantCell

CELLS = [("rnn", ""), ("gru", ""), *(("gru", name) for name in GRUCell.VARIANTS),
         *(("lstm", name) for name in LSTMVariantCell.VARIANTS)]  # fmt: skip
PHOTOS, GRID, FEATURES, WORDS, ROUNDS = 32, 64, 384, 2500, 5


def make(cell: str, variant: str) -> Decoder:
    return Decoder(vocabulary_size=WORDS, feature_size=FEATURES, embedding_size=256, attention_size=256, cell=cell,
                   variant=variant).eval()  # fmt: skip


def searching(decoder: Decoder, steps: int = 20) -> float:
    """Milliseconds a step of three beams of one photo."""
    with torch.inference_mode():
        state = decoder.start(torch.randn(1, GRID, FEATURES)).select(torch.zeros(1, 3, dtype=torch.long))
        start = time.process_time()
        for _ in range(steps):
            _, state = decoder.step(torch.tensor([5, 6, 7]), state)
    return (time.process_time() - start) / steps * 1000


def training(decoder: Decoder, words: int = 6) -> float:
    """Milliseconds a word of five captions of 32 photos, forward and backward."""
    tokens = torch.randint(4, WORDS, (PHOTOS, 5, words))
    features, lengths = torch.randn(PHOTOS, GRID, FEATURES), torch.full((PHOTOS, 5), words)
    start = time.process_time()
    decoder(features, tokens, lengths)[0].logsumexp(1).mean().backward()
    return (time.process_time() - start) / (words - 1) * 1000


def main() -> None:
    torch.manual_seed(1)
    lstm = make("lstm", "")
    for cell, variant in CELLS:
        decoder, ratios = make(cell, variant), {}
        for measure in (searching, training):
            pairs = [(measure(decoder), measure(lstm)) for _ in range(ROUNDS + 1)][1:]  # the first is the warm-up
            ratios[measure.__name__] = round(statistics.median(one / other for one, other in pairs), 2)
        print(json.dumps({"cell": cell, "variant": variant, "times_the_lstm": ratios}), flush=True)


if __name__ == "__main__":
    main()
