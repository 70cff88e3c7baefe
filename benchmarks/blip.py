"""A photo's caption here, and BLIP-base's on the same processor: how many times as long BLIP takes, and its decoding.

    python benchmarks/blip.py [--model bundled-captioner] [--engine onnx|torch] [--beam 3] [--rounds N]

BLIP-base (Li et al. 2022) as transformers builds it (`pip install transformers`, which Glimpse does not need), in
PyTorch, with random weights: time does not hang on them. It says 12 words, about as many as a caption of Flickr8k. A
photo goes through its vision transformer (384 x 384) once; what its decoding takes is the rest. Both sides begin with
pixels in memory and are taken in turn. Seconds are a processor's, all threads together, as other processes disturb them
least.
"""

import json

import numpy as np
import torch
import transformers
from timing import Times, model_options
from transformers import BlipConfig, BlipForConditionalGeneration

from captioner import SearchSettings, load

WORDS = 12


def main() -> None:
    options = model_options()
    options.add_argument("--beam", type=int, default=3)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    ours, how = load(options.model, engine=options.engine), SearchSettings(beam=options.beam)
    blip = BlipForConditionalGeneration(BlipConfig()).eval()
    side = blip.config.vision_config.image_size
    large = torch.randn(1, 3, side, side)
    photo = np.random.default_rng(1).standard_normal((1, 3, *2 * [ours.preprocessing.size]), dtype=np.float32)

    def say() -> None:
        blip.generate(pixel_values=large, min_new_tokens=WORDS, max_new_tokens=WORDS, num_beams=options.beam)

    with torch.inference_mode():
        actions = {
            "caption": lambda: ours.describe(ours.encode(photo), how),
            "blip": say,
            "blip_vision": lambda: blip.vision_model(pixel_values=large),
        }
        times = {name: Times() for name in actions}
        for _ in range(1 + options.rounds):
            for name, action in actions.items():
                times[name].of(action)
        words = len(ours.describe(ours.encode(photo), how)[0].words)
    took = {name: each.milliseconds("processor") for name, each in times.items()}
    decoding = took["blip"] - took["blip_vision"]
    print(json.dumps({
        "transformers": transformers.__version__,
        "blip_dtype": str(blip.dtype),
        "caption_words": words,
        "caption_ms": round(took["caption"], 1),
        "blip_ms": round(took["blip"]),
        "blip_decoding_ms": round(decoding),
        "times_a_caption": round(took["blip"] / took["caption"], 1),
        "decoding_times_a_caption": round(decoding / took["caption"], 1),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
