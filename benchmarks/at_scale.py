"""Captioning at scale: photos a second against the plain command, memory as photos grow, and kills at five moments.

    python benchmarks/at_scale.py FLICKR8K/images [--stages 1000] [--photos 20000] [--kills 5000] [--workers 2]

The photos are repeated under other names into tar shards. First one core does all that a worker does, one thing after
the other, and each is timed in seconds of the processor. Then the plain command captions them, then `--engine ray`;
both are timed from their first captions to their last. Memory is that of all the run's processes together (on Linux;
files that the system keeps in memory are not counted). Then fewer photos, some of them no photos, are captioned
undisturbed, with a worker killed at five moments, and with the whole run killed at five moments and begun again: rows
are compared. Prints JSON. Twenty thousand photos take most of an hour on two cores: nothing else may run there.
"""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pyarrow
from PIL import Image
from pyarrow import parquet

import captioner
from encoders.images import open_photo
from encoders.stream import BATCH
from runtime.command import print_error
from scale.parts import parts_of
from scale.reading import photos_of

SIDES = (0, 1024, 3464)  # of photos whose steps are timed: as they are, as the web has them, 12 megapixels
STEPS = ("reading", "decoding", "resizing", "encoder", "words", "writing")
MOMENTS = (0.0, 0.2, 0.4, 0.6, 0.8)  # of the parts that are done


def enlarged(photos: Path, folder: Path, side: int) -> Path:
    """A hundred of the photos as JPEGs of this side, as a camera writes them."""
    folder.mkdir(parents=True)
    for file in sorted(photos.glob("*.jpg"))[:100]:
        with Image.open(file) as photo:
            photo.resize((side, side), Image.Resampling.BICUBIC).save(folder / file.name, quality=90)
    return folder


def make_shards(photos: Path, folder: Path, count: int, shard: int, bad: int = 0) -> Path:
    """Tar shards of the photos, repeated under other names, `bad` of them no photos."""
    files, every = sorted(photos.glob("*.jpg")), count // bad if bad else count + 1
    folder.mkdir(parents=True)
    for first in range(0, count, shard):
        with tarfile.open(folder / f"{first // shard:05}.tar", "w") as tar:
            for number in range(first, min(first + shard, count)):
                content = b"no photo" if number % every == every - 1 else files[number % len(files)].read_bytes()
                info = tarfile.TarInfo(f"{number:09}.jpg")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return folder


def start(*arguments) -> subprocess.Popen:
    """`python -m captioner`, as typed. A failed photo is told in the rows."""
    command = [sys.executable, "-m", "captioner", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_ray(shards: Path, out: Path, workers: int) -> subprocess.Popen:
    return start(shards, "--engine", "ray", "--workers", workers, "--out", out)


def family(process: subprocess.Popen) -> Iterator[psutil.Process]:
    """A run's processes."""
    try:
        first = psutil.Process(process.pid)
        yield from (first, *first.children(recursive=True))
    except psutil.NoSuchProcess:
        return


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes that hold a model: all that Ray names for Ray Data's work."""
    found = []
    for one in family(process):
        try:
            found += [one] if "MapWorker" in " ".join(one.cmdline()) else []
        except psutil.Error:
            continue
    return found


def memory(process: subprocess.Popen) -> dict[str, int]:
    """MB of a run's own memory, of all its processes and of the largest."""
    sizes = [0]
    for one in family(process):
        try:
            status = Path(f"/proc/{one.pid}/status").read_text()
        except OSError:  # it has just ended
            continue
        sizes += [int(line.split()[1]) // 1000 for line in status.splitlines() if line.startswith("RssAnon")]
    return {"all_mb": sum(sizes), "largest_mb": max(sizes)}


def processor(process: subprocess.Popen) -> float:
    """Seconds of processors that a run's processes have taken so far."""
    spent = 0.0
    for one in family(process):
        with suppress(psutil.Error):
            spent += sum(one.cpu_times()[:2])
    return spent


def watched(process: subprocess.Popen, done, count: int) -> dict:
    """Wait for a run: its photos a second from its first captions on, its memory when a quarter and all is done, and
    milliseconds of processors a photo, which other work on the machine changes less.

    Args:
        done: how many photos are captioned.
    """
    began, first, quarter, last, spent = time.monotonic(), None, None, {}, [(0, 0.0)]
    while process.poll() is None:
        number = done()
        if number and first is None:
            first = (time.monotonic(), number)
        if number >= count // 4 and quarter is None:
            quarter = memory(process)
        if number < count and first:
            last = memory(process) or last
            spent = [spent[0] if spent[0][0] else (number, processor(process)), (number, processor(process))]
        time.sleep(0.2)
    ended = time.monotonic()
    seconds, photos = ended - first[0], done() - first[1]
    (one, before), (other, after) = spent
    return {
        "photos_a_second": round(photos / seconds, 2),
        "cpu_ms_a_photo": round(1000 * (after - before) / max(1, other - one), 1),
        "first_after_s": round(first[0] - began, 1),
        "seconds": round(ended - began, 1),
        "memory_at_a_quarter": quarter,
        "memory_at_the_end": last,
    }


def stages(photos: Path, folder: Path, count: int, shard: int) -> dict:
    """Milliseconds of a processor that a photo takes at each step of a worker's, in this process."""
    os.environ["OMP_NUM_THREADS"] = "1"  # as in a worker
    model, spent, rows = captioner.load(), dict.fromkeys(STEPS, 0.0), []
    pre = model.preprocessing

    def timed(step: str, work, *given):
        began = time.process_time()
        made = work(*given)
        spent[step] += time.process_time() - began
        return made

    for part in parts_of([str(make_shards(photos, folder / "shards", count, shard))]):
        found = photos_of(part)
        while batch := timed("reading", lambda found=found: list(islice(found, BATCH))):
            opened = [timed("decoding", open_photo, photo) for photo in batch]
            pixels = timed("resizing", lambda opened=opened: np.stack([pre.pixels(photo) for photo in opened]))
            features = timed("encoder", lambda pixels=pixels: model.encode(pre.normalise(pixels)))
            rows += [caption.to_json() for caption in timed("words", model.describe, features)]
    table = timed("writing", pyarrow.Table.from_pylist, rows)
    timed("writing", parquet.write_table, table, folder / "stages.parquet")
    return {step: round(1000 * seconds / count, 2) for step, seconds in spent.items()}


def speed(photos: Path, folder: Path, count: int, shard: int, workers: int) -> Iterator[dict]:
    shards = make_shards(photos, folder / "shards", count, shard)
    plain, out = folder / "plain.jsonl", folder / "rows"
    tars = sorted(shards.iterdir())
    lines = lambda: plain.read_bytes().count(b"\n") if plain.exists() else 0  # noqa: E731
    parts = lambda: min(count, shard * len(list(out.glob("part-*.parquet"))))  # noqa: E731
    found = {"plain": watched(start(*tars, "--out", plain, "--n", 1), lines, count)}
    yield {"run": "plain", "photos": count, **found["plain"]}
    found["ray"] = watched(start_ray(shards, out, workers), parts, count)
    yield {"run": "ray", "photos": count, "workers": workers, **found["ray"]}
    yield {"ray_to_plain": round(found["ray"]["photos_a_second"] / found["plain"]["photos_a_second"], 3)}


def kills(photos: Path, folder: Path, count: int, shard: int, bad: int, workers: int) -> Iterator[dict]:
    shards = make_shards(photos, folder / "few", count, shard, bad)
    start_ray(shards, folder / "undisturbed", workers).wait()
    rows = parquet.read_table(folder / "undisturbed")
    wrong = sum(error is not None for error in rows["error"].to_pylist())
    yield {"run": "undisturbed", "rows": len(rows), "with_an_error": wrong}
    for victim in ("worker", "run"):
        for moment in MOMENTS:
            out = folder / f"{victim}-{moment}"
            process, total = start_ray(shards, out, workers), -(-count // shard)
            while len(list(out.glob("part-*.parquet"))) < moment * total or not list(out.glob(".part-*.writing")):
                if process.poll() is not None:
                    raise SystemExit("the run ended before it could be killed; give more photos, or smaller shards.")
                time.sleep(0.05)
            if victim == "worker":
                workers_of(process)[0].kill()
            else:
                process.send_signal(signal.SIGKILL)
                process.wait()
                process = start_ray(shards, out, workers)  # at once: some of the old processes may still be there
            status = process.wait()
            yield {"killed": victim, "at": moment, "same_rows": parquet.read_table(out).equals(rows), "status": status}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="a folder of .jpg")
    parser.add_argument("--stages", type=int, default=1_000, help="photos whose steps are timed; 0 leaves it out")
    parser.add_argument("--photos", type=int, default=20_000, help="to time; 0 leaves it out")
    parser.add_argument("--shard", type=int, default=250, help="photos of a shard")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=5_000, help="photos of each killed run; 0 leaves these out")
    parser.add_argument("--bad", type=int, default=100, help="of these, no photos")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for side in SIDES if given.stages else ():
            images = enlarged(given.images, folder / f"{side}", side) if side else given.images
            size = sum(file.stat().st_size for file in images.glob("*.jpg")) / len(list(images.glob("*.jpg")))
            found = stages(images, folder / f"stages-{side}", given.stages, given.shard)
            print(
                json.dumps({"side": side or "as given", "kb_a_photo": round(size / 1000), "ms_a_photo": found}),
                flush=True,
            )
        if given.photos:
            print_error(f"{given.photos:,} photos, {os.cpu_count()} cores ...")
            for line in speed(given.images, folder, given.photos, given.shard, given.workers):
                print(json.dumps(line), flush=True)
        if given.kills:
            for line in kills(given.images, folder, given.kills, given.shard, given.bad, given.workers):
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
