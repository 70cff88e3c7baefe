"""A graph's products with weight matrices in 8 bits: each block of 32 weights by the largest of them.

ONNX Runtime's MatMulNBits puts a row's numbers in 8 bits by blocks as well, when it computes. A product of a few rows
takes as long as reading its weights does, so that a quarter of the bytes is several times as fast.
"""

from pathlib import Path

import numpy as np

from .checkpoint import WEIGHTS
from .onnx_export import refer_to_weights

BLOCK = 32  # weights that share a scale; with 64 and 128 captions have the same CIDEr, or 0.1 less
_ZERO = 128  # what stands for 0
_COMPUTE_IN_8_BITS = 4  # of MatMulNBits' accuracy levels


def quantise_products(graph: Path, weights: Path) -> None:
    """Put y = x Wᵀ + b in 8 bits, wherever W is a weight of the model whose graph it is.

    Args:
        graph: changed in place; `model.safetensors` lies beside it.
        weights: the safetensors file to write the 8 bits to, beside it too.
    """
    import onnx
    from safetensors.numpy import load_file, save_file

    model, trained = onnx.load(graph, load_external_data=False), load_file(graph.parent / WEIGHTS)
    turned = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    nodes, made = [], {}
    for node in model.graph.node:
        factor = node.input[1] if node.op_type in ("Gemm", "MatMul") else None
        name = turned.get(factor) if node.op_type == "MatMul" else factor  # as PyTorch's exporter writes a linear layer
        if name not in trained:
            nodes.append(node)
            continue
        whole, scales = f"{name}.int8", f"{name}.scales"
        made[whole], made[scales] = _blocks(trained[name].astype(np.float32))
        N, K = trained[name].shape
        bias = ["", "", node.input[2]] if len(node.input) > 2 else []
        nodes.append(onnx.helper.make_node(
            "MatMulNBits", [node.input[0], whole, scales, *bias], list(node.output), node.name, domain="com.microsoft",
            K=K, N=N, bits=8, block_size=BLOCK, accuracy_level=_COMPUTE_IN_8_BITS,
        ))  # fmt: skip
    save_file(made, weights)
    weights.chmod((graph.parent / WEIGHTS).stat().st_mode)  # safetensors lets nobody but the owner read
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _drop_unused(model.graph)
    new = onnx.GraphProto()
    new.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in made.items())
    refer_to_weights(new, weights)
    model.graph.initializer.extend(new.initializer)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    graph.write_bytes(model.SerializeToString())


def _blocks(W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W (N, K) -> its blocks, uint8 (N, ceil(K / BLOCK), BLOCK), and what 1 stands for in each, float32 (N * ...)."""
    N, K = W.shape
    blocks = np.pad(W, ((0, 0), (0, -K % BLOCK))).reshape(N, -1, BLOCK)
    scales = np.abs(blocks).max(axis=2) / 127
    numbers = np.rint(blocks / np.where(scales, scales, 1)[:, :, None]) + _ZERO
    return numbers.astype(np.uint8), scales.reshape(-1)


def _drop_unused(graph) -> None:
    """Let go of conversions, transpositions and weights that nothing takes any more."""
    before = None
    while before != len(graph.node):
        before = len(graph.node)
        taken = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        nodes = [node for node in graph.node if taken.intersection(node.output)]
        del graph.node[:]
        graph.node.extend(nodes)
    weights = [weight for weight in graph.initializer if weight.name in taken]
    del graph.initializer[:]
    graph.initializer.extend(weights)
