"""A model folder's ONNX graphs, run by ONNX Runtime: what is needed to use a model without PyTorch.

The graphs lie beside `config.json` and read their weights out of `model.safetensors`, so there is one copy of them.
The entry `onnx` of the config says what they are and which weights they were made for (`training.commands.export`).
"""

import logging
import os
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from .checkpoint import WEIGHTS, model_folder
from .errors import ModelError, SettingError, printable
from .installed import has_torch, require_torch

GRAPHS_FORMAT = 1
MIN_ONNXRUNTIME = (1, 22)  # which multiplies by blocks of weights in 8 bits on x86, as older graphs of `--int8` do
ENGINES = ("onnx", INT8 := "onnx-int8", "torch")
EXPORT_AGAIN = "make its graphs again: python -m training export MODEL"
EXPORT_INT8 = "python -m training export MODEL --int8 --data DATA"
_INT8_ENDING = "-int8.onnx"
Engine = TypeVar("Engine")


def load_engine(
    name: str | None,
    folder,
    config: dict,
    *,
    onnx: Callable[[bool], Engine],
    torch: Callable[[], Engine],
    only_torch: bool = False,
) -> Engine:
    """The engine of that name; unless one is given, ONNX Runtime where the folder has graphs, else PyTorch.

    Where the graphs cannot be used and no engine was asked for, PyTorch is used if it is installed, and why is logged.

    Args:
        onnx, torch: what makes each engine; the first from the graphs in 8 bits where its argument says so.
        only_torch: whether something was asked for that only PyTorch can do.

    Raises:
        SettingError: an unknown name, or PyTorch is needed and not installed. ModelError: the engine cannot be made.
    """
    if name not in (None, *ENGINES):
        raise SettingError(f"there is no engine {name!r}; choose one of {', '.join(ENGINES)}.")
    if only_torch and name not in (None, "torch"):
        raise SettingError(f"exact weights and a device are PyTorch's; leave out the engine {name}.")
    name = "torch" if only_torch else name
    if name in ("onnx", INT8) or (name is None and config.get("onnx")):
        try:
            return onnx(name == INT8)
        except ModelError as error:
            if name or not has_torch():
                raise
            logging.getLogger("glimpse").warning("%s Until then PyTorch is used.", error)
    require_torch(printable(folder))
    return torch()


def checked_graphs(folder, config: dict, *, int8: bool = False) -> dict:
    """The entry `onnx` of a model's config, after its graphs and weights were found to be those it was written for.

    Args:
        int8: those in 8 bits will be used.

    Raises:
        ModelError: there are no such graphs, of another format, or files were changed.
    """
    about = config.get("onnx")
    if not about:
        raise ModelError(f"{printable(folder)} has no ONNX graphs; make them: python -m training export MODEL")
    if int8 and "int8" not in about:
        raise ModelError(f"{printable(folder)} has no graphs in 8 bits; make them: {EXPORT_INT8}")
    if about.get("format") != GRAPHS_FORMAT:
        raise ModelError(f"the graphs of {printable(folder)} are of format {about.get('format')!r}, this version reads "
                         f"{GRAPHS_FORMAT}; {EXPORT_AGAIN}")  # fmt: skip
    for name, checksum in about["files"].items():
        path = model_folder(folder) / name
        if not path.is_file() or file_checksum(path) != checksum:
            other = "was changed after the graphs were made" if name == WEIGHTS else "is missing or another model's"
            raise ModelError(f"{printable(path)} {other}; {EXPORT_AGAIN}")
    return about


def int8_graph(name: str) -> str:
    """The file of the graph in 8 bits that stands beside the full one of this name."""
    return name.removesuffix(".onnx") + _INT8_ENDING


def graph_file(name: str, about: dict, *, int8: bool) -> str:
    """The file of the graph of this name: in 8 bits, where those are asked for and this one has any."""
    return int8_graph(name) if int8 and int8_graph(name) in about["files"] else name


def file_checksum(path: Path) -> str:
    """What tells a file from one that was changed: its CRC-32, which costs a cold start next to nothing."""
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            checksum = zlib.crc32(chunk, checksum)
    return f"{checksum:08x}"


class Graph:
    """One graph: `graph(name=array, ...)` -> its outputs, in their order. Threads may share it."""

    def __init__(self, path: Path, **sizes: int):
        """Load it.

        Args:
            sizes: of dimensions that the graph leaves open, where they are always the same: ONNX Runtime then computes
                beforehand what hangs on them alone.

        Raises:
            ModelError: ONNX Runtime is not installed, is too old, or cannot read it.
        """
        self._session = _session(path, sizes)
        # The exporter leaves out an input that a module does not use: the photo of a model that looks at none.
        self._inputs = {given.name for given in self._session.get_inputs()}
        self.outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, outputs: Sequence[str] | None = None, /, **inputs: np.ndarray) -> list[np.ndarray]:
        """The outputs of these names, or all."""
        return self._session.run(outputs or self.outputs, {name: inputs[name] for name in self._inputs})


def _session(path: Path, sizes: dict[str, int]):
    try:
        import onnxruntime
    except ImportError:
        raise ModelError("ONNX Runtime is not installed; run: pip install onnxruntime") from None
    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < MIN_ONNXRUNTIME:
        raise ModelError(f"ONNX Runtime {onnxruntime.__version__} is too old for {printable(path)}; "
                         "run: pip install --upgrade onnxruntime")  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    options.intra_op_num_threads = available_cores()
    # Threads that wait for work busily take the cores that another request could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if path.name.endswith(_INT8_ENDING) and products_saturate():
        options.add_session_config_entry("session.x64quantprecision", "1")
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        reason = " ".join(str(error).split())
        raise ModelError(f"{printable(path)} cannot be read by ONNX Runtime ({reason}); {EXPORT_AGAIN}") from None


@cache
def products_saturate() -> bool:
    """Whether this processor's fast products in 8 bits keep their sums in 16, as x86 does without VNNI.

    ONNX Runtime then has exact ones, which it takes when it is told to; elsewhere these would take three times as long.
    Which they are only a product tells: a graph of this package multiplies the largest numbers.
    """
    import onnxruntime

    product = onnxruntime.InferenceSession(Path(__file__).with_name("saturation.onnx"))
    a, b = np.full((1, 4), 255, np.uint8), np.full((4, 1), 127, np.int8)
    return product.run(None, {"a": a, "b": b})[0].item() != 4 * 255 * 127


def available_cores() -> int:
    """Cores that this process may use: as many as it is bound to, or as OMP_NUM_THREADS says."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
