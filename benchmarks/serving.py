"""What captioning costs beside the encoder alone: one photo, and a folder of 1,000; beam 3, model warm, one run.

    python benchmarks/serving.py [--model DIR] [--engine onnx|torch] [--photos FOLDER]

The photos are made up (soft random blobs, 640 x 480 JPEG), so that anyone can run it; opening and decoding the
files counts on the captioner's side, not on the encoder's.
"""

import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from timing import Times, model_options

from captioner import load
from encoders.images import open_photo

PHOTOS, ROUNDS, BATCH = 1000, 30, 32


def blobs(folder: Path, count: int) -> list[Path]:
    """Photos of nothing: JPEG files with smooth random colours."""
    random = np.random.default_rng(1)
    paths = []
    for n in range(count):
        small = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        paths.append(folder / f"{n:04}.jpg")
        Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC).save(paths[-1], quality=85)
    return paths


def main() -> None:
    options = model_options()
    options.add_argument("--photos", type=Path, help="a folder of real photos instead")
    options = options.parse_args()
    captioner = load(options.model, engine=options.engine)
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(options.photos.glob("*.jpg"))[:PHOTOS] if options.photos else blobs(Path(folder), PHOTOS)
        one = captioner.preprocessing(open_photo(paths[0]))[None]
        captioner(paths[:BATCH])  # warm
        encode, caption, batches, whole = Times(), Times(), Times(), Times(warm=0)
        for path in paths[: ROUNDS + 1]:
            encode.of(lambda: captioner.encode(one))
            caption.of(lambda path=path: captioner(path))
        batch = one.repeat(BATCH, axis=0)
        half = range(PHOTOS // BATCH // 2)
        for _ in half:
            batches.of(lambda: captioner.encode(batch))
        whole.of(lambda: captioner(paths))
        for _ in half:
            batches.of(lambda: captioner.encode(batch))
    alone, captioned = statistics.mean(batches.clock) / BATCH, whole.clock[0] / len(paths)
    print(json.dumps({
        "one_photo": {
            "encoder_ms": round(encode.milliseconds(), 2),
            "caption_ms": round(caption.milliseconds(), 2),
            "ratio": round(caption.milliseconds() / encode.milliseconds(), 2),
        },
        "folder": {
            "photos": len(paths),
            "encoder_photos_per_second": round(1 / alone, 1),
            "captions_per_second": round(1 / captioned, 1),
            "share": round(alone / captioned, 3),
        },
    }))  # fmt: skip


if __name__ == "__main__":
    main()
