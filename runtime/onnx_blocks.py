"""A graph's products with weight matrices, y = x Wᵀ + b, in 8 bits.

Of few rows, such as a caption's beams, a product takes as long as reading its weights does. There each block of 32
weights has a scale: ONNX Runtime's MatMulNBits, which puts a row's numbers in 8 bits by blocks as well. Of many rows,
such as a photo's grid cells, it is the arithmetic that takes time. There each column of weights has a scale, and each
row: MatMulInteger, which is several times as fast then.
"""

from pathlib import Path

from .checkpoint import WEIGHTS
from .onnx_export import tensor_offsets
from .onnx_functions import DOMAIN, add_calls, drop_unused, replace
from .onnx_graphs import int8_graph

BLOCK = 32  # weights that share a scale; with 64 and 128 captions have the same CIDEr, or 0.1 less
_COMPUTE_IN_8_BITS = 4  # of MatMulNBits' accuracy levels

# W (N, K), K a multiple of BLOCK -> uint8 (N, K / BLOCK, BLOCK), in which 128 is 0, and what 1 is of each block;
# W (N, K) -> int8 (K, N), and what 1 is of each column; x (..., K) -> uint8, its zero 128, and what 1 is of each row.
_FUNCTIONS = (
    f"""QuantiseBlocks (W) => (whole, scales) {{
        by_block = Constant <value_ints = [0, -1, {BLOCK}]> ()
        blocks = Reshape(W, by_block)
        size = Abs(blocks)
        largest = ReduceMax <axes = [2], keepdims = 1> (size)
        most = Constant <value_float = 127.0> ()
        scale = Div(largest, most)
        tiny = Constant <value_float = 1e-30> ()
        unit = Max(scale, tiny)
        numbers = Div(blocks, unit)
        rounded = Round(numbers)
        middle = Constant <value_float = 128.0> ()
        raised = Add(rounded, middle)
        whole = Cast <to = 2> (raised)
        flat = Constant <value_ints = [-1]> ()
        scales = Reshape(scale, flat)
    }}""",
    """QuantiseColumns (W) => (Q, scales) {
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
    """QuantiseRows (x) => (whole, scale, zero) {
        size = Abs(x)
        largest = ReduceMax <axes = [-1], keepdims = 1> (size)
        most = Constant <value_float = 127.0> ()
        unit = Div(largest, most)
        tiny = Constant <value_float = 1e-30> ()
        scale = Max(unit, tiny)
        numbers = Div(x, scale)
        one = Constant <value_float = 1.0> ()
        middle = Constant <value_float = 128.0> ()
        zero = Cast <to = 2> (middle)
        whole = QuantizeLinear(numbers, one, zero)
    }""",
)


def quantise_products(graph: Path, *, many_rows: bool = False) -> str:
    """Put y = x Wᵀ + b in 8 bits, wherever W is a weight of the model, in a graph beside this one, and tell its name.

    A W of fewer than 32 rows stays: there is next to nothing to read of it.

    Args:
        graph: the full one; `model.safetensors` lies beside it.
        many_rows: x has many, so that weights are put in 8 bits by column, not by block.
    """
    import onnx

    model = onnx.load(graph, load_external_data=False)
    _, trained = tensor_offsets(graph.parent / WEIGHTS)
    turned = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    quantised, nodes = {}, []
    for node in model.graph.node:
        factor = node.input[1] if node.op_type in ("Gemm", "MatMul") else None
        name = turned.get(factor) if node.op_type == "MatMul" else factor  # as PyTorch's exporter writes a linear layer
        if name not in trained or trained[name]["shape"][0] < BLOCK:
            nodes.append(node)
            continue
        quantised[name], product = (_by_column if many_rows else _by_block)(node, name, *trained[name]["shape"])
        nodes += product
    replace(model.graph.node, nodes)
    add_calls(model, [node for calls in quantised.values() for node in calls], _FUNCTIONS)
    drop_unused(model.graph)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    made = graph.with_name(int8_graph(graph.name))
    made.write_bytes(model.SerializeToString())
    return made.name


def _by_block(node, name: str, N: int, K: int) -> tuple[list, list]:
    """The nodes that make the weights (N, K) of this name, and those that take the place of their product."""
    from onnx.helper import make_node

    whole, calls = name, []
    if K % BLOCK:
        whole, pads = f"{name}.padded", f"{name}.pads"
        calls = [
            make_node("Constant", [], [pads], value_ints=[0, 0, 0, -K % BLOCK]),
            make_node("Pad", [name, pads], [whole]),
        ]
    blocks = [f"{name}.int8", f"{name}.scales"]
    calls.append(make_node("QuantiseBlocks", [whole], blocks, domain=DOMAIN))
    bias = ["", "", node.input[2]] if len(node.input) > 2 else []
    product = make_node(
        "MatMulNBits", [node.input[0], *blocks, *bias], list(node.output), node.name, domain="com.microsoft",
        K=K, N=N, bits=8, block_size=BLOCK, accuracy_level=_COMPUTE_IN_8_BITS,
    )  # fmt: skip
    return calls, [product]


def _by_column(node, name: str, N: int, K: int) -> tuple[list, list]:
    """As `_by_block`. A row has a scale of its own, so that what comes of a photo does not depend on others."""
    from onnx.helper import make_node

    [y], columns = node.output, [f"{name}.int8", f"{name}.scales"]
    rows = [f"{y}.int8", f"{y}.scale", f"{y}.zero"]
    scaled = f"{y}.scaled" if len(node.input) > 2 else y
    product = [
        make_node("QuantiseRows", [node.input[0]], rows, domain=DOMAIN),
        make_node("MatMulInteger", [rows[0], columns[0], rows[2]], [f"{y}.whole"]),
        make_node("Cast", [f"{y}.whole"], [f"{y}.float"], to=1),
        make_node("Mul", [f"{y}.float", columns[1]], [f"{y}.columns"]),
        make_node("Mul", [f"{y}.columns", rows[1]], [scaled]),
    ]
    if scaled != y:
        product.append(make_node("Add", [scaled, node.input[2]], [y]))
    return [make_node("QuantiseColumns", [name], columns, domain=DOMAIN)], product
