"""Two models over the same photos: how many captions are equal, the CIDEr of each, and how many photos a second.

    python benchmarks/engines.py DATA [--split test] [--photos 1000] [--model bundled-captioner] [--engine onnx]
                                 [--against MODEL] [--against-engine torch] [--float32]

Unless told otherwise, a model by ONNX Runtime against the same by PyTorch. That computes in bfloat16 where the
processor has it, and then says something else of some photos; `--float32` has it compute in 32 bits. To compare a
model whose encoder is in 8 bits with the full one: `--model EXPORTED --against MODEL --against-engine onnx`.

Both take the same block of photos in turn, so that a noisy machine disturbs both alike; files are opened by both.
Beside the clock's seconds stand those of a processor, which other processes disturb less. Each engine uses the cores
that it may: for one thread each, set OMP_NUM_THREADS=1 and run under `taskset -c 0`.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import encoders.inference
import runtime.device
from captioner import Captioner, load
from encoders.stream import BATCH
from training.metrics.captions import caption_scores
from training.readers import read_captions

BLOCK = 2 * BATCH  # photos: while a batch is captioned, the next one is opened


class Taken:
    """What one model said of the photos so far, and the seconds it took."""

    def __init__(self, model: Captioner):
        self.model, self.texts = model, []
        self.clock = self.processor = 0.0

    def caption(self, photos: Sequence[Path]) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        self.texts += [caption.text for caption in self.model(list(photos))]
        self.clock += time.perf_counter() - clock
        self.processor += time.process_time() - processor

    def told(self, references: Sequence[Sequence[str]]) -> dict:
        return {
            "cider": round(caption_scores(self.texts, references)["cider"], 2),
            "photos_per_second": round(len(self.texts) / self.clock, 1),
            "processor_ms_per_photo": round(1000 * self.processor / len(self.texts), 1),
        }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("data", type=Path)
    options.add_argument("--split", default="test")
    options.add_argument("--photos", type=int, default=1000)
    options.add_argument("--model", default="bundled-captioner")
    options.add_argument("--engine", default="onnx")
    options.add_argument("--against")
    options.add_argument("--against-engine", default="torch")
    options.add_argument("--float32", action="store_true", help="no bfloat16 in PyTorch")
    options = options.parse_args()
    if options.float32:
        runtime.device.bf16_is_fast = encoders.inference.bf16_is_fast = lambda device: False
    records = read_captions(options.data).split(options.split)[: options.photos]
    photos, references = [record.image for record in records], [record.captions for record in records]
    names = ((options.model, options.engine), (options.against or options.model, options.against_engine))
    one, other = (Taken(load(model, engine=engine)) for model, engine in names)
    for taken in (one, other):
        taken.model(photos[:BATCH])  # warm
    for n in range(0, len(photos), BLOCK):
        for taken in (one, other) if n // BLOCK % 2 else (other, one):
            taken.caption(photos[n : n + BLOCK])
    equal = sum(a == b for a, b in zip(one.texts, other.texts, strict=True))
    print(json.dumps({
        "photos": len(records),
        "equal_captions": round(equal / len(records), 4),
        **{" ".join(name): taken.told(references) for name, taken in zip(names, (one, other), strict=True)},
        "times_the_photos_per_second": round(other.clock / one.clock, 2),
        "times_by_processor": round(other.processor / one.processor, 2),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
