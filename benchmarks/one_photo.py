"""One photo to its caption, warm, by two models in turn in one run: how many times the other's time one takes.

    python benchmarks/one_photo.py --photos FOLDER [--model bundled-captioner] [--engine onnx|torch]
                                   [--against OLDER_MODEL_FOLDER] [--against-engine onnx|torch]

Unless told otherwise, the bundled model by ONNX Runtime against the same by PyTorch. An older release's bundle is in
the repository's history: `git archive COMMIT captioner/bundled | tar -x -C OLDER`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from captioner import load

ROUNDS = 40


def milliseconds(action) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--photos", type=Path, required=True)
    options.add_argument("--model", default="bundled-captioner")
    options.add_argument("--engine", default="onnx")
    options.add_argument("--against", default="bundled-captioner")
    options.add_argument("--against-engine", default="torch")
    options = options.parse_args()
    one, other = (options.model, options.engine), (options.against, options.against_engine)
    models = {" ".join(named): load(named[0], engine=named[1]) for named in (one, other)}
    photos = sorted(options.photos.glob("*.jpg"))[:ROUNDS]
    times: dict[str, list[float]] = {name: [] for name in models}
    for warm in (True, False):
        for photo in photos[:3] if warm else photos:
            for name, model in models.items():  # in turn, so that a noisy machine disturbs both alike
                took = milliseconds(lambda photo=photo, model=model: model(photo))
                times[name] += [] if warm else [took]
    medians = {name: statistics.median(each) for name, each in times.items()}
    ratio = medians[" ".join(one)] / medians[" ".join(other)]
    print(json.dumps({"milliseconds": {n: round(t, 1) for n, t in medians.items()}, "ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
