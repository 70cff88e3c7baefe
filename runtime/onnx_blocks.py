"""A graph's products with weight matrices in 8 bits: each block of 32 weights by the largest of them.

ONNX Runtime's MatMulNBits puts a row's numbers in 8 bits by blocks as well, when it computes. A product of a few rows
takes as long as reading its weights does, so that a quarter of the bytes is several times as fast.
"""

from pathlib import Path

from .checkpoint import WEIGHTS
from .onnx_export import tensor_offsets
from .onnx_functions import DOMAIN, add_calls, drop_unused, replace
from .onnx_graphs import int8_graph

BLOCK = 32  # weights that share a scale; with 64 and 128 captions have the same CIDEr, or 0.1 less
_COMPUTE_IN_8_BITS = 4  # of MatMulNBits' accuracy levels

# W (N, K), K a multiple of BLOCK -> uint8 (N, K / BLOCK, BLOCK), in which 128 is 0, and what 1 is of each block.
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
)


def quantise_products(graph: Path) -> str:
    """Put y = x Wᵀ + b in 8 bits, wherever W is a weight of the model, in a graph beside this one, and tell its name.

    Args:
        graph: the full one; `model.safetensors` lies beside it.
    """
    import onnx

    model = onnx.load(graph, load_external_data=False)
    _, trained = tensor_offsets(graph.parent / WEIGHTS)
    turned = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    quantised, padded, nodes = {}, [], []
    for node in model.graph.node:
        factor = node.input[1] if node.op_type in ("Gemm", "MatMul") else None
        name = turned.get(factor) if node.op_type == "MatMul" else factor  # as PyTorch's exporter writes a linear layer
        if name not in trained:
            nodes.append(node)
            continue
        N, K = trained[name]["shape"]
        whole = name
        if K % BLOCK:
            whole, pads = f"{name}.padded", f"{name}.pads"
            padded += [
                onnx.helper.make_node("Constant", [], [pads], value_ints=[0, 0, 0, -K % BLOCK]),
                onnx.helper.make_node("Pad", [name, pads], [whole]),
            ]
        blocks = [f"{name}.int8", f"{name}.scales"]
        quantised[name] = onnx.helper.make_node("QuantiseBlocks", [whole], blocks, domain=DOMAIN)
        bias = ["", "", node.input[2]] if len(node.input) > 2 else []
        nodes.append(onnx.helper.make_node(
            "MatMulNBits", [node.input[0], *blocks, *bias], list(node.output), node.name, domain="com.microsoft",
            K=K, N=N, bits=8, block_size=BLOCK, accuracy_level=_COMPUTE_IN_8_BITS,
        ))  # fmt: skip
    replace(model.graph.node, nodes)
    add_calls(model, [*padded, *quantised.values()], _FUNCTIONS)
    drop_unused(model.graph)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    made = graph.with_name(int8_graph(graph.name))
    made.write_bytes(model.SerializeToString())
    return made.name
