"""Training from tar shards against training from a folder: captions a second of a processor, and what they learn.

    python benchmarks/training_from_shards.py FLICKR8K [--photos 500] [--epochs 2]

The same photos and captions, once as text files beside the photos and once as WebDataset's shards; the decoder of the
bundled captioner is trained on each, from reading to the last step, twice in turn, with caches of their own. Prints
JSON. Seconds are those of the processor, so that other work on the machine counts for less.
"""

import argparse
import io
import json
import shutil
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import training
from runtime.onnx_graphs import file_checksum
from training.readers import read_captions

ROUNDS, SHARD = 2, 100


def make(flickr8k: Path, folder: Path, shards: Path, photos: int) -> int:
    """Both forms of a data set, one photo in ten in val; how many captions they have."""
    train = [record for record in read_captions(flickr8k).records if record.split == "train"][:photos]
    shards.mkdir(parents=True)
    for number, record in enumerate(train):
        split = "val" if number % 10 == 9 else "train"
        (folder / split).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record.image, folder / split / f"{number:06}.jpg")
        (folder / split / f"{number:06}.txt").write_text("\n".join(record.captions))
    for split in ("train", "val"):
        files = sorted((folder / split).iterdir())
        for first in range(0, len(files), 2 * SHARD):
            with tarfile.open(shards / f"{split}-{first // (2 * SHARD):05}.tar", "w") as tar:
                for file in files[first : first + 2 * SHARD]:
                    info, content = tarfile.TarInfo(file.name), file.read_bytes()
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    return sum(len(record.captions) for record in train)


def trained(data: Path, out: Path, epochs: int) -> tuple[float, dict, str]:
    """Seconds of the processor, the scores of the last epoch (the held-out loss is one), and the weights' checksum."""
    began = time.process_time()
    training.train("captioner", data=data, out=out, start_from="bundled-captioner", epochs=epochs, beam=1,
                   scores=False, min_count=1)  # fmt: skip
    spent = time.process_time() - began
    scores = json.loads((out / "log.jsonl").read_text().splitlines()[-1])["scores"]
    return spent, scores, file_checksum(out / "last" / "model.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sets = {"folder": Path(temporary, "folder"), "shards": Path(temporary, "shards")}
        captions = given.epochs * make(given.flickr8k, *sets.values(), given.photos)
        seconds: dict[str, list[float]] = {name: [] for name in sets}
        scores, weights = {}, {}
        trained(sets["folder"], Path(temporary, "warm"), 1)  # a process's first run is slower
        for number in range(ROUNDS):
            for name, data in sets.items():
                out = Path(temporary, f"{name}-{number}")
                spent, scores[name], weights[name] = trained(data, out, given.epochs)
                seconds[name].append(spent)
        rate = {name: captions / statistics.median(spent) for name, spent in seconds.items()}
        print(json.dumps({
            "photos": given.photos, "captions_a_second": {name: round(r, 1) for name, r in rate.items()},
            "shards_to_folder": round(rate["shards"] / rate["folder"], 3),
            "cider": {name: found["cider"] for name, found in scores.items()},
            "same_weights": weights["shards"] == weights["folder"],
        }))  # fmt: skip


if __name__ == "__main__":
    main()
