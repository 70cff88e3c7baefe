"""The value of a gate, σ(a), and a record of all gates for whoever wants to see what the cells do."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

Record = dict[str, list[Tensor]]
_record: ContextVar[Record | None] = ContextVar("record", default=None)


def gate(name: str, a: Tensor) -> Tensor:
    """σ(a): how far a gate is open, from 0 to 1, for each unit (B, H). Its name is for `record_gates`."""
    value = torch.sigmoid(a)
    record = _record.get()
    if record is not None:
        record.setdefault(name, []).append(value)
    return value


@contextmanager
def record_gates() -> Iterator[Record]:
    """Record every gate's values in this block of code, by its name, in the order of computing: step by step, and in
    each step layer by layer.

    torch's fused kernels show no gates; `Recurrent.step` does. Other threads are not recorded.
    """
    record: Record = {}
    token = _record.set(record)
    try:
        yield record
    finally:
        _record.reset(token)
