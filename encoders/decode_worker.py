"""A process that decodes one photo after another for `encoders.decode_process`, within limits of time and memory.

It is asked on standard input and answers on standard output, a line of JSON and then bytes:

    {"bytes", "limit", "seconds", "min_side"}, the file  ->  {"pixels"} of its header, or {"why"}
    an empty line: there is room, go on                  ->  {"size"}, RGB row by row, or {"why"}

Both ends are ours. It ends when its input does, that is, with the process that started it.
"""

import contextlib
import json
import math
import os
import signal
import sys
import warnings
from collections.abc import Iterator

from PIL import AvifImagePlugin, Image, PngImagePlugin

from .decoding import decode, explain_decode_error, read_header

BYTES_A_PIXEL = 20  # of the largest photo allowed: decoded it takes 4, and decoders keep a few copies
BYTES_OVERHEAD = 384 << 20  # addresses that the process itself takes, with every decoder loaded
BAND = 4 << 20  # bytes of pixels handed over at once


def bands(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """A picture of this size in strips, each a box (left, top, right, bottom): no second copy of the whole is made."""
    width, height = size
    rows = max(1, BAND // (3 * width))
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    warnings.simplefilter("ignore")
    # The limits below take the place of Pillow's own.
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 1 << 30
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # decoders may print
    while line := requests.readline():
        asked = json.loads(line)
        data = requests.read(asked["bytes"])
        set_limits(asked["limit"], asked["seconds"])
        answer(requests, answers, data, asked["limit"], asked["min_side"])


def answer(requests, answers, data: bytes, limit: int, min_side: int | None) -> None:
    """Decode one photo, in two steps."""

    def send(**what) -> None:
        answers.write(json.dumps(what).encode() + b"\n")
        answers.flush()

    try:
        image = read_header(data, limit)
        send(pixels=math.prod(image.size))
        requests.readline()
        image = decode(image, min_side)
    except Exception as error:  # Pillow's decoders raise almost anything on a damaged file
        return send(why=explain_decode_error(data, error))
    send(size=image.size)
    for box in bands(image.size):
        answers.write(image.crop(box).tobytes())
    return answers.flush()


def set_limits(limit: int, seconds: int) -> None:
    """Let this process use so many more seconds of a processor, and hold no more than a photo's memory."""
    with contextlib.suppress(ImportError):  # Windows has none of this; there the clock of `decode_process` is left
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        until, memory = math.ceil(used.ru_utime + used.ru_stime) + seconds, BYTES_OVERHEAD + BYTES_A_PIXEL * limit
        for what, most in ((resource.RLIMIT_CPU, until), (resource.RLIMIT_AS, memory)):
            hard = resource.getrlimit(what)[1]
            resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
