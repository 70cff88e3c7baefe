"""What answering costs: a first question about a photo beside the encoder alone, and a follow-up; one run, model warm.

    python benchmarks/asking.py [--model DIR] [--engine onnx|torch]

The photos are made up (soft random blobs, 640 x 480 JPEG), so that anyone can run it; opening and decoding the file
counts on the answerer's side, not on the encoder's. The second ratio is of a processor's time, all threads together,
which other processes disturb less than the clock's.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from serving import blobs

from encoders.images import open_photo
from vqa import load

ROUNDS = 50
QUESTIONS = ("what is the man holding?", "what colour is the dog?", "how many people are there?", "is it raining?")


def seconds(action) -> tuple[float, float]:
    """Of the clock, and of a processor."""
    clock, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - processor


def milliseconds(each: list[tuple[float, float]], kind: int = 0) -> float:
    return 1000 * statistics.median(one[kind] for one in each)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--model", default="bundled-vqa")
    options.add_argument("--engine", default="onnx")
    options = options.parse_args()
    answerer = load(options.model, engine=options.engine)
    encode, first, follow = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        paths = blobs(Path(folder), ROUNDS + 1)
        one = answerer.preprocessing(open_photo(paths[0]))[None]
        for n, path in enumerate(paths):  # in turn, so that a noisy machine disturbs all alike
            alone = seconds(lambda: answerer.encode(one))
            whole = seconds(lambda path=path: answerer.look(path).ask(QUESTIONS[0]))
            look = answerer.look(path)
            again = [seconds(lambda look=look, question=question: look.ask(question)) for question in QUESTIONS]
            if n:  # the first is the warm-up
                encode.append(alone)
                first.append(whole)
                follow += again
    print(json.dumps({
        "encoder_ms": round(milliseconds(encode), 2),
        "first_answer_ms": round(milliseconds(first), 2),
        "ratio": round(milliseconds(first) / milliseconds(encode), 2),
        "ratio_by_processor": round(milliseconds(first, 1) / milliseconds(encode, 1), 2),
        "follow_up_ms": round(milliseconds(follow), 2),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
