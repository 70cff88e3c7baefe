"""PyTorch modules -> ONNX graphs whose weights are those of a `model.safetensors`, by their place in it.

The exporter writes each weight as 32-bit numbers. Here every one that the safetensors file has is replaced by a
reference into the file (ONNX external data), followed by a conversion to 32 bits where it is kept in 16, which
ONNX Runtime does once, when it loads the graph.
"""

import io
import json
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoint import CONFIG, WEIGHTS, update_config
from .errors import ModelError, SettingError, printable
from .onnx_functions import replace
from .onnx_graphs import GRAPHS_FORMAT, file_checksum

OPSET = 17
_ONNX_TYPES = {"F32": 1, "U8": 2, "I8": 3, "I32": 6, "F16": 10}  # of onnx.TensorProto


def save_graph(
    path: Path,
    module: nn.Module,
    inputs: dict[str, Tensor],
    outputs: Sequence[str],
    *,
    sizes: dict[str, dict[int, str]],
) -> None:
    """Write a module as a graph beside the `model.safetensors` that has its weights, by the module's own names.

    Args:
        inputs: an example of each input, by name, in the order of the module's arguments.
        sizes: the dimensions that may have another size than in the examples, by input or output: what they count.

    Raises:
        ModelError: the module has something that ONNX cannot say, or the graph cannot be written.
    """
    import onnx

    buffer, sizes = io.BytesIO(), {name: sizes[name] for name in (*inputs, *outputs) if name in sizes}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of tracing: the graphs are compared with the module afterwards
            torch.onnx.export(
                module, tuple(inputs.values()), buffer, dynamo=False, opset_version=OPSET, dynamic_axes=sizes,
                input_names=list(inputs), output_names=list(outputs),
                # Every weight as it is in the file: ONNX Runtime folds and fuses when it loads the graph.
                do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
            )  # fmt: skip
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path.stem} cannot be said in ONNX ({reason}); use this model with PyTorch.") from None
    model = onnx.load_from_string(buffer.getvalue())
    refer_to_weights(model.graph, path.parent / WEIGHTS)
    path.write_bytes(model.SerializeToString())


def fold_constants(path: Path, **sizes: int) -> None:
    """Constant folding, but of weights, which stay in their file: what hangs on sizes alone, such as paddings.

    ONNX Runtime would fold it each time that it loads the graph, which takes half as long again.

    Args:
        path: of a graph that `save_graph` has written.
        sizes: of dimensions that were left open, from now on always these.
    """
    import onnx
    import onnxruntime

    model = onnx.load(path, load_external_data=False)
    weights = [tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    names = {tensor.name for tensor in weights}
    replace(model.graph.initializer, [tensor for tensor in model.graph.initializer if tensor.name not in names])
    model.graph.input.extend(onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in weights)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    for name, size in sizes.items():
        options.add_free_dimension_override_by_name(name, size)
    with tempfile.TemporaryDirectory() as scratch:
        options.optimized_model_filepath = str(Path(scratch, path.name))
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(options.optimized_model_filepath).graph
    replace(graph.input, [given for given in graph.input if given.name not in names])
    graph.initializer.extend(weights)
    graph.ClearField("value_info")
    model.graph.CopyFrom(graph)
    path.write_bytes(model.SerializeToString())


def refer_to_weights(graph, weights: Path) -> None:
    """Replace the graph's weights by references into a safetensors file."""
    import onnx

    start, tensors = tensor_offsets(weights)
    casts = []
    for weight in graph.initializer:
        found = tensors.get(weight.name)
        if found is None or found["dtype"] not in _ONNX_TYPES or found["shape"] != list(weight.dims):
            continue
        begin, end = found["data_offsets"]
        half = found["dtype"] == "F16"
        if half:
            casts.append(onnx.helper.make_node("Cast", [f"{weight.name}.half"], [weight.name], to=_ONNX_TYPES["F32"]))
            weight.name += ".half"
        for written in ("raw_data", "float_data", "int32_data"):
            weight.ClearField(written)
        weight.data_type, weight.data_location = _ONNX_TYPES[found["dtype"]], onnx.TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", start + begin), ("length", end - begin)):
            weight.external_data.add(key=key, value=str(value))
    replace(graph.node, [*casts, *graph.node])


def tensor_offsets(weights: Path) -> tuple[int, dict[str, dict]]:
    """Where a safetensors file's data begin, and each tensor's dtype, shape and place (data_offsets) among them."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return 8 + length, header


def register_graphs(folder: Path, names: Sequence[str], **about) -> None:
    """Write into a model's config that it has these graphs, and what they and the weights are known by."""
    files = {name: file_checksum(folder / name) for name in (WEIGHTS, *names)}
    update_config(folder, onnx={"format": GRAPHS_FORMAT, **about, "files": files})


def require_writable(folder: Path) -> Path:
    """The folder, if its files can be replaced.

    Raises:
        SettingError: it is closed to us.
    """
    try:
        (folder / CONFIG).open("r+b").close()
        probe = folder / ".writing"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingError(f"{printable(folder)} cannot be written to ({error.strerror}); give a folder to write the "
                           "model and its graphs to: python -m training export MODEL OUT") from None  # fmt: skip
    return folder
