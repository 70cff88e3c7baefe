"""Time of a decoder's step and of a training step with each recurrent cell, against the LSTM's in the same run.

A step as in a beam search (3 rows) by a loaded model, its weights laid out, in float32 and in bfloat16 where that is
fast; and as in training (160 rows, forward and backward, float32). 64 x 384 features, 512 hidden units, 2,500 words.
Seconds are the processor's own, and the variants take turns with the LSTM, so that a busy machine slows both alike.

    python benchmarks/recurrent_cells.py
"""

import copy
import json
import statistics
import time
from collections.abc import Callable

import torch

from captioner.decoder import Decoder
from encoders.linear import pack
from encoders.recurrent import GRUCell, LSTMVariantCell
from runtime.device import bf16_is_fast

CELLS = [("rnn", ""), ("gru", ""), *(("gru", name) for name in GRUCell.VARIANTS),
         *(("lstm", name) for name in LSTMVariantCell.VARIANTS)]  # fmt: skip
PHOTOS, GRID, FEATURES, WORDS = 32, 64, 384, 2500


def make(cell: str, variant: str) -> Decoder:
    return Decoder(vocabulary_size=WORDS, feature_size=FEATURES, embedding_size=256, attention_size=256, cell=cell,
                   variant=variant).eval()  # fmt: skip


def loaded(decoder: Decoder, dtype: torch.dtype) -> Decoder:
    """A copy of the decoder, made ready as `captioner.load` does."""
    ready = copy.deepcopy(decoder).to(dtype)
    pack(ready)
    return ready


def searching(decoder: Decoder, steps: int = 20) -> float:
    """Milliseconds a step of three beams of one photo."""
    with torch.inference_mode():
        features = torch.randn(1, GRID, FEATURES, dtype=decoder.bias.dtype)
        state = decoder.start(features).select(torch.zeros(1, 3, dtype=torch.long))
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


def ratio(measure: Callable[[Decoder], float], decoder: Decoder, lstm: Decoder, rounds: int) -> float:
    """The median of so many rounds' ratios; one more before them is the warm-up."""
    pairs = [(measure(decoder), measure(lstm)) for _ in range(rounds + 1)][1:]
    return round(statistics.median(one / other for one, other in pairs), 2)


def main() -> None:
    torch.manual_seed(1)
    lstm = make("lstm", "")
    searched = {"float32": torch.float32} | ({"bfloat16": torch.bfloat16} if bf16_is_fast(torch.device("cpu")) else {})
    for cell, variant in CELLS:
        decoder = make(cell, variant)
        ratios = {"training": ratio(training, decoder, lstm, 5)}
        for name, dtype in searched.items():
            ratios[f"searching, {name}"] = ratio(searching, loaded(decoder, dtype), loaded(lstm, dtype), 25)
        print(json.dumps({"cell": cell, "variant": variant, "times_the_lstm": ratios}), flush=True)


if __name__ == "__main__":
    main()
