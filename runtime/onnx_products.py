"""A graph's products with weight matrices, y = x Wᵀ + b, in 8 bits: of each row of x, and of each row of W."""

from pathlib import Path

from .checkpoint import WEIGHTS
from .onnx_export import tensor_offsets
from .onnx_functions import DOMAIN, add_calls, drop_unused, replace
from .onnx_graphs import int8_graph

MIN_ROWS = 32  # of a W that is put in 8 bits: of fewer there is next to nothing to read

# W (N, K) -> int8 (K, N), and what 1 is of each column; x (..., K) -> uint8, what 1 is and what 0 is there, and by how
# much each row is to be multiplied. Rows have scales of their own, so that what comes of one does not depend on others.
_FUNCTIONS = (
    """QuantiseWeights (W) => (Q, scales) {
        size = Abs(W)
        largest = ReduceMax <axes = [1], keepdims = 1> (size)
        most = Constant <value_float = 127.0> ()
        scale = Div(largest, most)
        tiny = Constant <value_float = 1e-30> ()
        unit = Max(scale, tiny)
        numbers = Div(W, unit)
        rounded = Round(numbers)
        whole = Cast <to = 3> (rounded)
        Q = Transpose <perm = [1, 0]> (whole)
        flat = Constant <value_ints = [-1]> ()
        scales = Reshape(scale, flat)
    }""",
    f"""QuantiseRows (x) => (Q, unit, zero, largest) {{
        size = Abs(x)
        most = ReduceMax <axes = [-1], keepdims = 1> (size)
        tiny = Constant <value_float = 1e-30> ()
        largest = Max(most, tiny)
        shares = Div(x, largest)
        unit = Constant <value_float = {1 / 127}> ()
        middle = Constant <value_float = 128.0> ()
        zero = Cast <to = 2> (middle)
        Q = QuantizeLinear(shares, unit, zero)
    }}""",
)


def quantise_products(graph: Path) -> str:
    """Put y = x Wᵀ + b in 8 bits, wherever W is a weight of the model, in a graph beside this one, and tell its name.

    A W of fewer than `MIN_ROWS` rows stays.

    Args:
        graph: the full one; `model.safetensors` lies beside it.
    """
    import onnx

    model = onnx.load(graph, load_external_data=False)
    _, trained = tensor_offsets(graph.parent / WEIGHTS)
    turned = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    weights, nodes = {}, []
    for node in model.graph.node:
        factor = node.input[1] if node.op_type in ("Gemm", "MatMul") else None
        name = turned.get(factor) if node.op_type == "MatMul" else factor  # as PyTorch's exporter writes a linear layer
        if name in trained and trained[name]["shape"][0] >= MIN_ROWS:
            weights[name] = f"{name}.int8", f"{name}.scales"
            nodes += _product(node, *weights[name])
        else:
            nodes.append(node)
    replace(model.graph.node, nodes)
    calls = [onnx.helper.make_node("QuantiseWeights", [name], made, domain=DOMAIN) for name, made in weights.items()]
    add_calls(model, calls, _FUNCTIONS)
    drop_unused(model.graph)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    made = graph.with_name(int8_graph(graph.name))
    made.write_bytes(model.SerializeToString())
    return made.name


def _product(node, Q: str, scales: str) -> list:
    """The nodes that take a product's place."""
    from onnx.helper import make_node

    [y], bias = node.output, list(node.input[2:])
    rows, unit, zero, largest = (f"{y}.{part}" for part in ("int8", "unit", "zero", "largest"))
    scaled = f"{y}.scaled" if bias else y
    product = [
        make_node("QuantiseRows", [node.input[0]], [rows, unit, zero, largest], domain=DOMAIN),
        make_node("MatMulIntegerToFloat", [rows, Q, unit, scales, zero], [f"{y}.shares"], domain="com.microsoft"),
        make_node("Mul", [f"{y}.shares", largest], [scaled]),
    ]
    return [*product, make_node("Add", [scaled, *bias], [y])] if bias else product
