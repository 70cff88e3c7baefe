"""What training a captioner costs: an epoch, the features before it, memory, and how all of it grows with the data.

    python benchmarks/training_cost.py FLICKR8K [--photos 7936] [--plot cost.png]

The default captioner on a frozen encoder: the bundled one's. Each size of data is measured in a process of its own, of
which the memory is the process's own (on Linux; files that the system keeps in memory are not counted). Prints JSON.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

from runtime.command import print_error
from runtime.device import autocast
from training.caches.features import BATCH, FeatureCache
from training.config.fit import FitSettings
from training.config.task import CaptionSettings
from training.loop.fit import fit
from training.loop.task import Epoch, Step
from training.readers import read_captions
from training.tasks.captioner import CaptionTask
from training.tasks.start import extend_captioner

HELD_OUT, ROUNDS, EPOCHS = 64, 3, 6
AGAIN = 3  # epochs of the smaller sizes, of which the median counts, and fewer of the larger: a noisy machine
WARM = 256  # photos trained on first, unmeasured: kernels are made ready for each new shape


def own_memory() -> int:
    """Bytes of this process, without files that are mapped. Linux only."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(fields["RssAnon"].split()[0])


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The memory of this process, looked at ten times a second; the last item is the most there was."""
    most, over = [own_memory()], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            most.append(max(most[-1], own_memory()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()
        most.append(max(most[-1], own_memory()))


def one_size(data: Path, photos: int, epochs: int) -> dict:
    """Features of so many photos, then so many epochs on them: seconds and memory."""
    records = sorted(read_captions(data).records, key=lambda r: str(r.image))[: photos + HELD_OUT]
    records = [replace(r, split="train" if n < photos else "val") for n, r in enumerate(records)]
    captions = [caption for r in records[:photos] for caption in r.captions]
    model = extend_captioner("bundled-captioner", captions, min_count=5)
    start, found = time.perf_counter(), {"photos": photos, "memory_mb": {"start": own_memory() / 1e6}}
    with tempfile.TemporaryDirectory() as folder:
        task = CaptionTask(model, records, CaptionSettings(), epochs=epochs, seed=1, cache=Path(folder))
        with peak_memory() as memory:
            start = time.perf_counter()
            for _ in task.prepare():
                pass
            found["caching_ms_a_photo"] = 1000 * (time.perf_counter() - start) / len(records)
        found["memory_mb"]["caching"] = memory[-1] / 1e6
        found |= trained(task, FitSettings(epochs=epochs, warmup=0.05), Path(folder, "run"), found["memory_mb"])
    return found


def trained(task: CaptionTask, how: FitSettings, out: Path, memory_mb: dict) -> dict:
    """Milliseconds a photo of each epoch's steps; what validating and saving take; memory at the end of each epoch."""
    steps, rest, memory_mb["epochs"] = [], [], []
    start = time.perf_counter()
    for record in fit(task, how, out):
        now = time.perf_counter()
        if isinstance(record, Step) and record.step == record.steps:
            steps.append(now - start)
            start = now
        if isinstance(record, Epoch):
            rest.append(now - start)
            memory_mb["epochs"].append(round(own_memory() / 1e6, 1))
            start = now
    each = statistics.median(steps)
    return {"epoch_seconds": each, "validating_and_saving_seconds": statistics.median(rest),
            "training_ms_a_photo": 1000 * each / len(task.train_rows)}  # fmt: skip


def caching_share(data: Path, photos: int) -> dict:
    """Photos a second of the cache, files opened, against the encoder's on a batch in memory; in turn."""
    paths = sorted(r.image for r in read_captions(data).records)[:photos]
    model = extend_captioner("bundled-captioner", [], min_count=1)
    encoder = model.network.encoder.eval()
    side, rates = model.preprocessing.size, {"encoder": [], "cache": []}
    batch = torch.randint(0, 256, (BATCH, 3, side, side), dtype=torch.uint8)

    def encode(count: int) -> None:
        with torch.no_grad(), autocast(torch.device("cpu")):
            for _ in range(-(-count // BATCH)):
                encoder(model.preprocessing.normalise(batch))

    encode(2 * BATCH)  # warm
    for _ in range(ROUNDS):
        for what in ("encoder", "cache", "encoder"):
            with tempfile.TemporaryDirectory() as folder:
                cache = FeatureCache(paths, encoder, model.preprocessing, Path(folder))
                start = time.perf_counter()
                encode(photos) if what == "encoder" else list(cache.fill())
                rates[what].append(photos / (time.perf_counter() - start))
    rate = {what: statistics.median(found) for what, found in rates.items()}
    return {"photos_a_second": rate, "share": rate["cache"] / rate["encoder"]}


def plot(sizes: list[dict], file: Path) -> None:
    """Time and memory against the number of photos, as a picture of two panels."""
    picture = Image.new("RGB", (1200, 460), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    panels = {
        "milliseconds a photo": {"features": [s["caching_ms_a_photo"] for s in sizes],
                                 "an epoch of training": [s["training_ms_a_photo"] for s in sizes]},
        "megabytes of memory": {"features": [s["memory_mb"]["caching"] for s in sizes],
                                "training": [max(s["memory_mb"]["epochs"]) for s in sizes]},
    }  # fmt: skip
    for n, (title, curves) in enumerate(panels.items()):
        left, top, width, height = 90 + 600 * n, 60, 470, 310
        quarter = 0.3 * max(map(max, curves.values()))
        unit = 10 ** math.floor(math.log10(quarter))
        highest = 4 * unit * math.ceil(quarter / unit)  # the four lines then stand at round numbers
        across = [left + width * s["photos"] / sizes[-1]["photos"] for s in sizes]
        draw.text((left, 20), title, "black", font)
        draw.line([(left, top), (left, top + height), (left + width, top + height)], "grey", 2)
        for x, size in zip(across, sizes, strict=True):
            draw.text((x, top + height + 8), f"{size['photos']:,}", "black", font, anchor="ma")
        draw.text((left + width / 2, top + height + 40), "photos", "black", font, anchor="ma")
        for share in (0.25, 0.5, 0.75, 1.0):
            y = top + height * (1 - share)
            draw.line([(left, y), (left + width, y)], "#e0e0e0")
            draw.text((left - 8, y), f"{share * highest:,.0f}", "black", font, anchor="rm")
        how = (("#1f77b4", 12, "lt"), ("#d62728", -12, "lb"))  # the first below its curve, the other above
        for (name, values), (colour, away, anchor) in zip(curves.items(), how, strict=True):
            points = [(x, top + height * (1 - v / highest)) for x, v in zip(across, values, strict=True)]
            draw.line(points, colour, 3)
            for x, y in points:
                draw.ellipse([x - 5, y - 5, x + 5, y + 5], colour)
            draw.text((left + 12, points[0][1] + away), name, colour, font, anchor=anchor)
    picture.save(file)


def in_subprocess(a: argparse.Namespace, *arguments) -> dict:
    """What this script finds with these arguments in a process of its own."""
    print_error(f"measuring: {' '.join(map(str, arguments))}")
    command = [sys.executable, __file__, str(a.data), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def rounded(found):
    """The same with three significant decimals."""
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    return round(found, 3) if isinstance(found, float) else found


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("data", type=Path, help="Flickr8k, or another data set of captions")
    options.add_argument("--photos", type=int, default=7936, help="the largest size; the others are 1/2, 1/4 and 1/8")
    options.add_argument("--plot", type=Path, help="a PNG of the costs against the number of photos")
    options.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options.add_argument("--epochs", type=int, default=1, help=argparse.SUPPRESS)
    options.add_argument("--caching", type=int, help=argparse.SUPPRESS)
    a = options.parse_args()
    if a.size:
        one_size(a.data, WARM, 1)
        print(json.dumps(one_size(a.data, a.size, a.epochs)))
    elif a.caching:
        print(json.dumps(caching_share(a.data, a.caching)))
    else:
        sizes = [in_subprocess(a, "--size", a.photos // part, "--epochs", min(part, AGAIN)) for part in (8, 4, 2, 1)]
        found = {
            "caching": in_subprocess(a, "--caching", a.photos // 8),
            "epoch_of_6000_photos_seconds": 6 * sizes[-1]["training_ms_a_photo"],
            "memory_over_epochs": in_subprocess(a, "--size", a.photos // 8, "--epochs", EPOCHS)["memory_mb"],
            "sizes": sizes,
            "dearest_against_cheapest": {
                name: max(s[name] for s in sizes) / min(s[name] for s in sizes)
                for name in ("caching_ms_a_photo", "training_ms_a_photo")
            },
        }
        print(json.dumps(rounded(found)))
        if a.plot:
            plot(sizes, a.plot)


if __name__ == "__main__":
    main()
