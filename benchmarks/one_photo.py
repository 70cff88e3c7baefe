"""One photo to its caption, warm, by two models in turn in one run: how many times the other's time one takes.

    python benchmarks/one_photo.py --photos FOLDER [--model bundled-captioner] [--engine onnx|torch]
                                   [--against OLDER_MODEL_FOLDER] [--against-engine onnx|torch]

Unless told otherwise, the bundled model by ONNX Runtime against the same by PyTorch. An older release's bundle is in
the repository's history: `git archive COMMIT captioner/bundled | tar -x -C OLDER`.
"""

import json
from pathlib import Path

from timing import Times, model_options

from captioner import load

ROUNDS = 40


def main() -> None:
    options = model_options()
    options.add_argument("--photos", type=Path, required=True)
    options.add_argument("--against", default="bundled-captioner")
    options.add_argument("--against-engine", default="torch")
    options = options.parse_args()
    one, other = (options.model, options.engine), (options.against, options.against_engine)
    models = {" ".join(named): load(named[0], engine=named[1]) for named in (one, other)}
    photos = sorted(options.photos.glob("*.jpg"))[:ROUNDS]
    times = {name: Times(warm=3) for name in models}
    for photo in photos[:3] + photos:
        for name, model in models.items():
            times[name].of(lambda photo=photo, model=model: model(photo))
    found = {}
    for by in ("clock", "processor"):
        took = {name: each.milliseconds(by) for name, each in times.items()}
        found[f"milliseconds_by_{by}"] = {name: round(ms, 1) for name, ms in took.items()}
        found[f"ratio_by_{by}"] = round(took[" ".join(one)] / took[" ".join(other)], 2)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
