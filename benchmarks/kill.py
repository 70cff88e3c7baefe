"""kill -9 at ten moments each of a training run, of captions of a folder, and of the page: what is lost or doubled?

    python benchmarks/kill.py [--moments N] [--only run|folder|page]

The run and the folder are killed at random moments of the time that they take, each time anew, and then go on; what
they leave has to be what an undisturbed one leaves, byte for byte. The page is killed while a visitor's corrections are
kept one after another: each that the visitor was told of has to be there, once, in the one workspace.
The data are made up and small. Needs a POSIX system.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from page_server import ROOT, first_answer, free_port
from serving import blobs

from training.workspace.corrections import CAPTIONS, Corrections

PHOTOS = 40
SMALL = ("--encoder compact --image-size 32 --hidden 32 --embedding 32 --attention 16 --min-count 1 --epochs 6 "
         "--batch 8 --precision 32 --patience 0 --save-minutes 0").split()  # fmt: skip
FILES = ("log.jsonl", "best/model.safetensors", "best/config.json", "last/model.safetensors", "last/config.json")


def start(*words) -> subprocess.Popen:
    env = os.environ | {"OMP_NUM_THREADS": "1"}  # sums in one order
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, env=env, **quiet)


def seconds_of(*words) -> float:
    begin = time.perf_counter()
    if start(*words).wait():
        raise SystemExit(f"{' '.join(map(str, words))} failed; run it to see why")
    return time.perf_counter() - begin


def killed_after(seconds: float, *words) -> bool:
    """Whether the command was still at work when it was killed."""
    process = start(*words)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def killed_run(folder: Path, moments: int) -> dict:
    data = folder / "data"
    data.mkdir()
    photos = blobs(data, PHOTOS)
    lines = [f"{photo.name},blob number {n % 7} is soft" for n, photo in enumerate(photos)]
    (data / "captions.csv").write_text("\n".join(["image,caption", *lines]))

    def command(out: Path) -> list:
        resume = ["--resume"] if (out / "resume.pt").is_file() else []
        return ["-m", "training", "captioner", "--data", data, "--out", out, "--cache", out / "cache", *SMALL, *resume]

    def left(out: Path) -> dict[str, bytes]:
        return {name: (out / name).read_bytes() for name in FILES}

    return killed(folder, moments, command, left)


def killed_folder(folder: Path, moments: int) -> dict:
    (folder / "photos").mkdir()
    blobs(folder / "photos", PHOTOS)

    def command(out: Path) -> list:
        return ["-m", "captioner", folder / "photos", "--out", out]

    return killed(folder, moments, command, lambda out: {"said": out.read_bytes()})


def killed(folder: Path, moments: int, command: Callable[[Path], list], left: Callable[[Path], dict]) -> dict:
    """Kill it at so many moments, let it go on, and compare what is left with that of an undisturbed one."""
    out, whole = folder / "out", folder / "whole"  # all in one place, which a model's config.json names
    seconds = seconds_of(*command(out))
    out.rename(whole)
    chance, tries, kills, other, hidden = random.Random(1), 0, 0, 0, 0
    while kills < moments:  # at some of them it is done already
        tries += 1
        kills += killed_after(seconds * chance.random(), *command(out))
        seconds_of(*command(out))
        other += left(out) != left(whole)
        hidden += len([path for path in out.rglob(".*") if path.name != ".lock"]) if out.is_dir() else 0
        out.rename(folder / f"killed-{tries}")
    return {"seconds_undisturbed": round(seconds, 1), "kills": kills, "not_the_same_afterwards": other,
            "hidden_files_left": hidden}  # fmt: skip


class Visitor:
    """Somebody on the page, who corrects captions as fast as they are kept."""

    def __init__(self, url: str, photo: Path):
        self.client, self.told = httpx.Client(base_url=url, timeout=60), []
        events = self.client.get("/config").json()["dependencies"]
        self.look, self.kept = (next(e for e in events if e["api_name"] == name) for name in ("look", "kept"))
        with photo.open("rb") as file:
            (path,) = self.client.post("/gradio_api/upload", files={"files": file}).json()
        upload = {"path": path, "meta": {"_type": "gradio.FileData"}}
        self.call(self.look, [upload, "Search", 1, 1.0, 0, 1.0, 1, 5])

    def call(self, event: dict, data: list) -> bool:
        request = {"data": data, "fn_index": event["id"], "session_hash": "visitor"}
        self.client.post("/gradio_api/queue/join", json=request).raise_for_status()
        said = self.client.get("/gradio_api/queue/data", params={"session_hash": "visitor"}).text
        return '"success":true' in said

    def correct(self, name: str) -> None:
        """Corrections, until the page is there no more; `told` are those of which it said that they are kept."""
        try:
            for n in range(10_000):
                text = f"caption {n} of {name}"
                if self.call(self.kept, [None, text]):
                    self.told.append(text)
        except httpx.HTTPError:
            pass


def killed_page(folder: Path, moments: int) -> dict:
    photo, chance, told, unreadable = blobs(folder, 1)[0], random.Random(1), [], 0
    workspace = folder / "workspace"
    for n in range(moments):
        url = f"http://127.0.0.1:{(port := free_port())}"
        server = start("app.py", "--port", port, "--workspace", workspace)
        first_answer(server, url)
        visitor = Visitor(url, photo)
        threading.Timer(chance.uniform(0.2, 3), server.kill).start()
        visitor.correct(f"visit {n}")
        server.wait()
        told += visitor.told
        try:
            len(Corrections(workspace / "corrections"))
        except ValueError:
            unreadable += 1
    found = json.loads((workspace / "corrections" / "captions" / CAPTIONS).read_text(encoding="utf-8"))
    kept = [caption["caption"] for caption in found["annotations"]]
    return {"kills": moments, "corrections_told_of": len(told), "lost": len(set(told) - set(kept)),
            "doubled": len(kept) - len(set(kept)), "unreadable": unreadable}  # fmt: skip


KINDS = {"run": killed_run, "folder": killed_folder, "page": killed_page}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--moments", type=int, default=10)
    options.add_argument("--only", choices=KINDS)
    options = options.parse_args()
    for kind in [options.only] if options.only else KINDS:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"of": kind, **KINDS[kind](Path(folder), options.moments)}), flush=True)


if __name__ == "__main__":
    main()
