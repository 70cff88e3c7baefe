"""Captioning at scale: photos a second against the plain command, memory as photos grow, and kills at five moments.

    python benchmarks/at_scale.py FLICKR8K/images [--parts stages speed kills] [--photos 20000] [--kills 5000]

The photos are repeated under other names into tar shards. `stages`: one core does all that a worker does, one thing
after the other, and each is timed in seconds of the processor. `speed`: the plain command captions the photos, then
`--engine ray`; both are timed from their first captions to their last. Memory is that of all the run's processes
together (on Linux; files that the system keeps in memory are not counted). `kills`: fewer photos, some of them no
photos, are captioned greedily, undisturbed, with a worker killed at five moments, and with the whole run killed at five
moments and begun again: rows are compared. Prints a line of JSON as soon as something is found; what fails is a line
with `error`, and the rest goes on. Nothing else may run on the machine, or photos a second mean nothing.
"""

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pyarrow
from PIL import Image
from processes import Lines, family, last_line, memory, processor, start, start_ray, workers_of
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
PARTS = ("stages", "speed", "kills")
LOOKED_AFTER = 3  # seconds between two looks at a run's processes, which take time themselves


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


def watched(process: subprocess.Popen, done: Callable[[], int], count: int, log: Path) -> dict:
    """Wait for a run: its photos a second from its first captions on, its memory when a quarter and all is done, and
    milliseconds of processors a photo, which other work on the machine changes less.

    Args:
        done: how many photos are captioned.
    """
    began, first, looked, looks = time.monotonic(), None, 0.0, []
    while process.poll() is None:
        number, now = done(), time.monotonic()
        first = first or ((now, number) if number else None)
        if first and number < count and now - looked > LOOKED_AFTER:
            looked = now
            looks.append((number, processor(process), memory(process)))
        time.sleep(0.2)
    ended, number = time.monotonic(), done()
    if number < count or len(looks) < 2:
        return {
            "error": f"{number} of {count} photos, {len(looks)} looks, status {process.returncode}: {last_line(log)}"
        }
    (one, before, _), (other, after, at_the_end) = looks[0], looks[-1]
    return {
        "photos_a_second": round((number - first[1]) / (ended - first[0]), 2) if number > first[1] else None,
        "cpu_ms_a_photo": round(1000 * (after - before) / max(1, other - one), 1),
        "first_after_s": round(first[0] - began, 1),
        "seconds": round(ended - began, 1),
        "memory_at_a_quarter": next((used for at, _, used in looks if at >= count // 4), None),
        "memory_at_the_end": at_the_end,
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
    plain, out, log = folder / "plain.jsonl", folder / "rows", folder / "plain.log"
    tars = sorted(shards.iterdir())
    parts = lambda: min(count, shard * len(list(out.glob("part-*.parquet"))))  # noqa: E731
    found = [watched(start(log, *tars, "--out", plain, "--n", 1), Lines(plain), count, log)]
    yield {"run": "plain", "photos": count, **found[0]}
    found.append(watched(start_ray(shards, out, workers), parts, count, out.with_suffix(".log")))
    yield {"run": "ray", "photos": count, "workers": workers, **found[1]}
    rates = [run.get("photos_a_second") for run in found]
    if all(rates):
        yield {"ray_to_plain": round(rates[1] / rates[0], 3)}


def kills(photos: Path, folder: Path, count: int, shard: int, bad: int, workers: int) -> Iterator[dict]:
    shards = make_shards(photos, folder / "few", count, shard, bad)
    began = time.monotonic()
    status = start_ray(shards, folder / "undisturbed", workers, "--beam", 1).wait()
    rows = parquet.read_table(folder / "undisturbed")
    wrong = sum(error is not None for error in rows["error"].to_pylist())
    seconds = round(time.monotonic() - began)
    yield {"run": "undisturbed", "rows": len(rows), "with_an_error": wrong, "status": status, "seconds": seconds}
    for victim in ("worker", "run"):
        for moment in MOMENTS:
            out = folder / f"{victim}-{round(100 * moment)}"
            try:
                found = killed(victim, shards, out, moment * -(-count // shard), workers)
                same = parquet.read_table(out).equals(rows)
            except (OSError, IndexError, psutil.Error, pyarrow.ArrowException) as error:
                found, same = {"error": f"{type(error).__name__}: {error}; {last_line(out.with_suffix('.log'))}"}, None
            yield {"killed": victim, "at": moment, "same_rows": same, **found}


def killed(victim: str, shards: Path, out: Path, parts: float, workers: int) -> dict:
    """A run in which a worker is killed, or which is killed and begun again, when so many parts are done.

    Raises:
        OSError: it ended before it could be killed.
    """
    began, process = time.monotonic(), start_ray(shards, out, workers, "--beam", 1)
    while len(list(out.glob("part-*.parquet"))) < parts or not list(out.glob(".part-*.writing")):
        if process.poll() is not None:
            raise OSError("the run ended before it could be killed; give more photos, or smaller shards")
        time.sleep(0.05)
    left = [] if victim == "worker" else list(family(process))
    if victim == "worker":
        workers_of(process)[0].kill()
    else:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start_ray(shards, out, workers, "--beam", 1)  # at once: some of the old processes may still be there
    status = process.wait()
    _, alive = psutil.wait_procs(left, timeout=10)
    for one in alive:
        one.kill()
    return {"status": status, "seconds": round(time.monotonic() - began), "old_processes_left": len(alive)}


def run(part: str, given: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """What one of PARTS finds."""
    if part == "speed":
        yield from speed(given.images, folder, given.photos, given.shard, given.workers)
    elif part == "kills":
        yield from kills(given.images, folder, given.kills, given.shard, given.bad, given.workers)
    else:
        for side in SIDES:
            images = enlarged(given.images, folder / f"{side}", side) if side else given.images
            sizes = [file.stat().st_size for file in images.glob("*.jpg")]
            found = stages(images, folder / f"stages-{side}", given.stages, given.shard)
            yield {"side": side or "as given", "kb_a_photo": round(sum(sizes) / len(sizes) / 1000), "ms_a_photo": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="a folder of .jpg")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured [default: all]")
    parser.add_argument("--stages", type=int, default=200, help="photos whose steps are timed")
    parser.add_argument("--photos", type=int, default=20_000, help="to time")
    parser.add_argument("--shard", type=int, default=250, help="photos of a shard")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=5_000, help="photos of each killed run")
    parser.add_argument("--bad", type=int, default=100, help="of these, no photos")
    given = parser.parse_args()
    if not any(given.images.glob("*.jpg")):
        parser.error(f"{given.images} has no .jpg in it; name a folder of photos")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        for part in given.parts:
            print_error(f"{part}, {os.cpu_count()} cores ...")
            began, folder = time.monotonic(), Path(temporary, part)
            folder.mkdir()
            try:
                for line in run(part, given, folder):
                    print(json.dumps(line), flush=True)
            except Exception as error:  # what the other parts find counts all the same
                print(json.dumps({"part": part, "error": f"{type(error).__name__}: {error}"}), flush=True)
            print_error(f"{part} took {time.monotonic() - began:.0f} s")
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
