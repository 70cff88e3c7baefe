"""This checkout against an older one of Glimpse: a photo's caption and a training step of the decoder, in one run.

Each version runs in processes of its own, in turn, on one core. Time of the processor is counted, which a busy machine
disturbs little. Both caption with the older one's bundled model, in PyTorch.

    git worktree add ../older COMMIT && python benchmarks/older_version.py ../older --photos FOLDER
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 3
ROOT = Path(__file__).resolve().parents[1]
MEASURE = """
import inspect, json, statistics, sys, time
from pathlib import Path

import torch

import captioner
from captioner.decoder import Decoder

try:
    from training.tasks.captioner import caption_tokens
except ImportError:  # before 0.3.0
    from training.captioner import caption_tokens

torch.set_num_threads(1)
model, photos = sys.argv[1], sorted(Path(sys.argv[2]).glob("*.jpg"))[:12]


def milliseconds(action):
    start = time.process_time()
    action()
    return 1000 * (time.process_time() - start)


engine = {"engine": "torch"} if "engine" in inspect.signature(captioner.load).parameters else {}
describe = captioner.load(model, **engine)
serving = [milliseconds(lambda photo=photo: describe(photo)) for photo in photos][2:]  # the first two are the warm-up

torch.manual_seed(1)
decoder = Decoder(vocabulary_size=2500, feature_size=512, embedding_size=512, dropout=0.0)
optimiser = torch.optim.AdamW(decoder.parameters(), fused=True)
lengths = (torch.randn(32, 5) * 3.8 + 10.8).round().clamp(3, 30).long().tolist()  # as in Flickr8k
captions = [[torch.randint(4, 2500, (n,)).tolist() for n in photo] for photo in lengths]
tokens, lengths, _ = caption_tokens(captions)
features = torch.randn(32, 64, 512)


def step():
    logits, _ = decoder(features, tokens, lengths)
    logits.logsumexp(-1).mean().backward()
    optimiser.step()
    optimiser.zero_grad()


training = [milliseconds(step) for _ in range(4)][1:]
print(json.dumps({"caption_ms": statistics.median(serving), "step_ms": statistics.median(training)}))
"""


def measure(checkout: Path, model: Path, photos: Path) -> dict[str, float]:
    """Milliseconds of the processor for a caption and for a step."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, str(model), str(photos)]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("older", type=Path)
    options.add_argument("--photos", type=Path, required=True)
    options = options.parse_args()
    older, photos = options.older.resolve(), options.photos.resolve()
    model = older / "captioner" / "bundled"
    pairs = [(measure(older, model, photos), measure(ROOT, model, photos)) for _ in range(ROUNDS)]
    medians = [
        {name: statistics.median(run[name] for run in runs) for name in runs[0]} for runs in zip(*pairs, strict=True)
    ]
    before, now = medians
    print(json.dumps({
        "before": {name: round(value, 1) for name, value in before.items()},
        "now": {name: round(value, 1) for name, value in now.items()},
        "ratio": {name: round(now[name] / value, 2) for name, value in before.items()},
    }))  # fmt: skip


if __name__ == "__main__":
    main()
