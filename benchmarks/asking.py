"""What answering costs: a first question about a photo beside the encoder alone, and a follow-up; one run, model warm.

    python benchmarks/asking.py [--model DIR] [--engine onnx|torch]

The photos are made up (soft random blobs, 640 x 480 JPEG), so that anyone can run it; opening and decoding the file
counts on the answerer's side, not on the encoder's. The second ratio is of a processor's time, all threads together,
which other processes disturb less than the clock's.
"""

import json
import tempfile
from pathlib import Path

from serving import blobs
from timing import Times, model_options

from encoders.images import open_photo
from vqa import load

ROUNDS = 50
QUESTIONS = ("what is the man holding?", "what colour is the dog?", "how many people are there?", "is it raining?")


def main() -> None:
    options = model_options("bundled-vqa").parse_args()
    answerer = load(options.model, engine=options.engine)
    encode, first, follow = Times(), Times(), Times(warm=len(QUESTIONS))
    with tempfile.TemporaryDirectory() as folder:
        paths = blobs(Path(folder), ROUNDS + 1)
        one = answerer.preprocessing(open_photo(paths[0]))[None]
        for path in paths:
            encode.of(lambda: answerer.encode(one))
            first.of(lambda path=path: answerer.look(path).ask(QUESTIONS[0]))
            look = answerer.look(path)
            for question in QUESTIONS:
                follow.of(lambda look=look, question=question: look.ask(question))
    print(json.dumps({
        "encoder_ms": round(encode.milliseconds(), 2),
        "first_answer_ms": round(first.milliseconds(), 2),
        "ratio": round(first.milliseconds() / encode.milliseconds(), 2),
        "encoder_ms_by_processor": round(encode.milliseconds("processor"), 2),
        "first_answer_ms_by_processor": round(first.milliseconds("processor"), 2),
        "ratio_by_processor": round(first.milliseconds("processor") / encode.milliseconds("processor"), 2),
        "follow_up_ms": round(follow.milliseconds(), 2),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
