"""What scripts that time a model share: its options, and how long actions take, by the clock and by a processor."""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


def model_options(model: str = "bundled-captioner") -> argparse.ArgumentParser:
    """`--model` and `--engine`, to which a script adds its own."""
    options = argparse.ArgumentParser()
    options.add_argument("--model", default=model)
    options.add_argument("--engine", default="onnx")
    return options


@dataclass
class Times:
    """How long an action took, each time. Take several in turn, so that a noisy machine disturbs all alike.

    Attributes:
        warm: the first so many times do not count.
        clock, processor: seconds; a processor's, all threads together, which other processes disturb less.
    """

    warm: int = 1
    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def of(self, action: Callable[[], Result]) -> Result:
        """Do it, and note how long it took."""
        clock, processor = time.perf_counter(), time.process_time()
        result = action()
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        if self.warm:
            self.warm -= 1
        else:
            self.clock.append(clock)
            self.processor.append(processor)
        return result

    def milliseconds(self, by: str = "clock") -> float:
        """The median."""
        return 1000 * statistics.median(getattr(self, by))
