"""One process or many: torchrun starts them, Lightning Fabric connects them, and this file says who does what.

    torchrun --nproc-per-node 2 -m training captioner --data DATA --out OUT
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-endpoint HOST:29500 -m training captioner ...

Each process computes the gradient of its part of every batch, and its part of the features that are cached. The first
one alone decodes photos into a cache, validates and writes models; so several machines need one disk that all of them
see, for OUT and the data.
"""

import atexit
import gc
import logging
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import distributed

from runtime.device import best_device
from runtime.errors import SettingError

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # importing it sets INFO, and it then talks of itself

T = TypeVar("T")
TIMEOUT = timedelta(days=7)  # the others wait while the first validates; torchrun ends them all when one has died


def is_distributed() -> bool:
    """Whether torchrun started this process."""
    return distributed.is_available() and distributed.is_torchelastic_launched()


def is_main_process() -> bool:
    """Whether this process is the one that speaks and writes: the only one, or the first of those torchrun started."""
    return not is_distributed() or os.environ["RANK"] == "0"


def setup_fabric(precision: str = "32-true") -> Fabric:
    """Fabric for this process, connected with the others that torchrun started, if it did.

    Raises:
        SettingError: torchrun started more processes than this machine has GPUs.
    """
    device = best_device().type
    if not is_distributed():
        return Fabric(accelerator=device, devices=1, precision=precision)
    here, machines = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    if device == "cuda" and here > torch.cuda.device_count():
        raise SettingError(f"--nproc-per-node is {here}, and there are {torch.cuda.device_count()} GPUs; give as many.")
    fabric = Fabric(accelerator=device, devices=here, num_nodes=machines, precision=precision,
                    strategy=DDPStrategy(timeout=TIMEOUT))  # fmt: skip
    if not distributed.is_initialized():
        atexit.register(_shutdown)
    fabric.launch()
    return fabric


def main_process_first(fill: Callable[[], Iterator[int]]) -> Iterator[int]:
    """Go through `fill()` in the first process while the others wait; then in those, which find everything done."""
    if not is_distributed():
        yield from fill()
        return
    with setup_fabric().rank_zero_first():
        yield from fill()


def rank_and_size() -> tuple[int, int]:
    """Which of how many processes this is."""
    return (int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])) if is_distributed() else (0, 1)


def broadcast(value: T) -> T:
    """The value that the first process has. All of them have to ask."""
    return setup_fabric().broadcast(value) if is_distributed() else value


def gather(value: T) -> list[T]:
    """What each process has, in their order. All of them have to ask."""
    if not is_distributed():
        return [value]
    setup_fabric()
    found: list = [None] * distributed.get_world_size()
    distributed.all_gather_object(found, value)
    return found


def _shutdown() -> None:
    """Part from the other processes. A distributed module that is still alive then would abort the process."""
    gc.collect()
    distributed.destroy_process_group()
