"""What starting from the bundled captioner is worth on 200 photos of another world than it has seen.

    python benchmarks/new_domain.py COCO --out DIR [--photos 200] [--seed 1]

The photos are COCO's of trains, buses, aeroplanes and the like, where the bundle knows people and dogs. COCO-QA's
questions were once made from COCO's captions, by putting `what` for a word; putting the answer back gives sentences
again ("what is parked by the curb", "bus": a bus is parked by the curb). A quarter of the 200 photos is the val split.
On the vehicles that are left: the bundle as it is, trained further by `--start-from bundled-captioner`, and the same
network from random weights. The three are judged by `python -m training evaluate`. Prints JSON, progress on standard
error.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import torch

from training.loop.seed import generator
from training.questions.to_captions import caption_from

VEHICLES = re.compile(
    r"\b(train|bus|airplane|plane|aircraft|jet|truck|boat|ship|motorcycle|bicycle|bike|car|van|vehicle)(s|es)?\b"
)
FROM_BUNDLE = ["--start-from", "bundled-captioner", "--min-count", "2", "--epochs", "12", "--learning-rate", "0.0005"]
FROM_NOTHING = ["--encoder", "compact", "--image-size", "144", "--finetune-encoder", "--encoder-rate", "1",
                "--min-count", "2", "--epochs", "40"]  # fmt: skip


def write_data(coco: Path, folder: Path, photos: int, seed: int) -> None:
    """A caption table with its splits, beside a link to COCO's photos."""
    captions: dict[str, list[str]] = {}
    for line in (coco / "cocoqa_train2014.jsonl").read_text().splitlines():
        row = json.loads(line)
        if texts := caption_from(row["question"], row["answer"]):
            captions.setdefault(row["image"], []).append(texts)
    names = sorted(image for image, texts in captions.items() if any(map(VEHICLES.search, texts)))
    order = torch.randperm(len(names), generator=generator(seed, "new domain")).tolist()
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "photos"
    if not link.is_symlink():
        link.symlink_to(coco.resolve(), target_is_directory=True)
    with (folder / "captions.jsonl").open("w") as file:
        for n, i in enumerate(order):
            split = "test" if n >= photos else "val" if n % 4 == 0 else "train"
            for caption in captions[names[i]]:
                file.write(json.dumps({"image": names[i], "caption": caption, "split": split}) + "\n")


def training(*arguments: object) -> str:
    """Run `python -m training` with these arguments; what it prints on standard output."""
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("coco", type=Path)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--photos", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    a = arguments.parse_args()
    data = a.out / "data"
    write_data(a.coco, data, a.photos, a.seed)
    for name, options in (("from-bundle", FROM_BUNDLE), ("from-nothing", FROM_NOTHING)):
        training("captioner", "--data", data, "--out", a.out / name, "--seed", a.seed, *options)
    models = {"bundled": "bundled-captioner"} | {name: a.out / name for name in ("from-bundle", "from-nothing")}
    scores = {name: json.loads(training("evaluate", model, "--data", data, "--json")) for name, model in models.items()}
    print(json.dumps({"photos": a.photos, "seed": a.seed, **scores}))


if __name__ == "__main__":
    main()
