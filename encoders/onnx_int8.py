"""An encoder's ONNX graph in 8 bits: weights by channel, activations by the values they have on photos it is shown.

Static quantisation as ONNX Runtime has it (onnxruntime.quantization, QDQ). The graph makes its 8 bits of the model's
weights when it is loaded: there is one copy of them, for PyTorch and for both graphs.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.checkpoint import WEIGHTS
from runtime.errors import ModelError, printable
from runtime.onnx_export import refer_to_weights
from runtime.onnx_functions import DOMAIN, add_calls, drop_unused, name_shortly, replace
from runtime.onnx_graphs import int8_graph

from .onnx_encoder import ENCODER

QUANTISED = ["Conv", "Clip", "Add", "Pad"]  # a convolutional trunk; the rest moves values, and computes none
IN_FULL = 0.05  # of the convolutions, the first: what they lose grows through all others, and they gain no time

# As ONNX Runtime folds and quantises: Q, of 8 bits (a bias: of 32), stands for scale * (Q - zero). But a channel of
# hardly any weights has a small scale and not 1, in which its bias would be rounded to the scale of the input.
_FUNCTIONS = (
    """FoldNormalisation <epsilon> (W, gamma, beta, mean, variance) => (folded, bias) {
        e = Constant <value_float: float = @epsilon> ()
        v = Add(variance, e)
        deviation = Sqrt(v)
        factor = Div(gamma, deviation)
        by_channel = Constant <value_ints = [-1, 1, 1, 1]> ()
        factors = Reshape(factor, by_channel)
        folded = Mul(W, factors)
        shift = Mul(mean, factor)
        bias = Sub(beta, shift)
    }""",
    """QuantiseChannels (W) => (Q, scale, zero) {
        size = Abs(W)
        largest = ReduceMax <axes = [1, 2, 3], keepdims = 0> (size)
        all = ReduceMax <keepdims = 0> (largest)
        thousandth = Constant <value_float = 0.001> ()
        least = Mul(all, thousandth)
        tiny = Constant <value_float = 1e-30> ()
        unit = Max(largest, least, tiny)
        most = Constant <value_float = 127.0> ()
        scale = Div(unit, most)
        none = Constant <value_float = 0.0> ()
        zeros = Mul(scale, none)
        zero = Cast <to = 3> (zeros)
        Q = QuantizeLinear <axis = 0> (W, scale, zero)
    }""",
    """QuantiseBias (b, input_scale, weight_scale) => (Q, scale, zero) {
        scale = Mul(input_scale, weight_scale)
        units = Div(b, scale)
        whole = Round(units)
        Q = Cast <to = 6> (whole)
        none = Constant <value_float = 0.0> ()
        zeros = Mul(scale, none)
        zero = Cast <to = 6> (zeros)
    }""",
)


def quantise_encoder(folder: Path, photos: Iterable[np.ndarray]) -> str:
    """Make an encoder's graph in 8 bits beside the one that a model's folder has, and tell its name.

    Args:
        photos: normalised, each (1, 3, S, S): the range of each activation is that of its values on these.

    Raises:
        ModelError: there is no convolution in it, so that nothing would become smaller or faster.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory() as scratch:
        folded, small = Path(scratch, "folded.onnx"), Path(scratch, "small.onnx")
        _fold(folder / ENCODER, folded)
        nodes = onnx.load(folded).graph.node
        convolutions = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
        if not convolutions:
            raise ModelError(
                f"the encoder of {printable(folder)} has no convolution to put in 8 bits; leave out --int8."
            )
        first = convolutions[round(IN_FULL * len(convolutions))]
        logger = logging.getLogger()
        level, logger.level = logger.level, logging.ERROR  # it advises what was done above
        try:
            quantize_static(
                folded, small, _Shown(photos), quant_format=QuantFormat.QDQ, op_types_to_quantize=QUANTISED,
                nodes_to_exclude=[node.name for node in nodes[:first] if node.op_type in QUANTISED],
                per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
        finally:
            logger.level = level
        model = onnx.load(small)
    name_shortly(model)  # now, too: some of what it computes is named as the model's weights are
    _make_from_weights(model, onnx.load(folder / ENCODER))
    refer_to_weights(model.graph, folder / WEIGHTS)
    name_shortly(model)
    (folder / int8_graph(ENCODER)).write_bytes(model.SerializeToString())
    return int8_graph(ENCODER)


def _fold(graph: Path, target: Path) -> None:
    """The same graph with its weights in it, batch normalisations folded into convolutions, for one photo at a time.

    With the number of photos open, what pads by its input's size stays an operator of its own.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.add_free_dimension_override_by_name("photos", 1)
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    model = onnx.load(target, load_external_data=False)  # weights of 32 bits that were not folded are still references
    onnx.external_data_helper.load_external_data_for_model(model, str(graph.parent))
    target.write_bytes(model.SerializeToString())


@dataclass(frozen=True)
class _Convolution:
    """What the weights and the bias of a convolution are made of in the full graph: names, by the model's file."""

    weight: str
    bias: str | None
    normalisation: tuple[str, ...] = ()  # that follows: gamma, beta, mean, variance
    epsilon: float = 0.0

    def folded(self, trained: dict[str, np.ndarray]) -> np.ndarray:
        """Its weights, with the normalisation folded in."""
        if not self.normalisation:
            return trained[self.weight]
        gamma, _, _, variance = (trained[name] for name in self.normalisation)
        return trained[self.weight] * (gamma / np.sqrt(variance + self.epsilon))[:, None, None, None]


def _convolutions(graph) -> Iterator[_Convolution]:
    """Those of the full graph."""
    following = {node.input[0]: node for node in graph.node if node.op_type == "BatchNormalization"}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        bias, after = (*node.input[2:], None)[0], following.get(node.output[0])
        if after and not bias:
            [epsilon] = (attribute.f for attribute in after.attribute if attribute.name == "epsilon")
            yield _Convolution(node.input[1], None, tuple(after.input[1:5]), epsilon)
        else:
            yield _Convolution(node.input[1], bias)


def _make_from_weights(model, full) -> None:
    """Let a graph in 8 bits compute the weights of its convolutions from those that the full graph refers to.

    A convolution that this would give others, as where its normalisation was not folded, keeps its own in the graph.
    """
    import onnx

    graph = model.graph
    kept = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    trained = {t.name.removesuffix(".half"): onnx.numpy_helper.to_array(t) for t in full.graph.initializer}
    trained = {name: array.astype(np.float32) for name, array in trained.items()}
    quantised = {node.output[0]: node.input for node in graph.node if node.op_type == "DequantizeLinear"}
    made, taken = [], set()

    def stands_for(name: str) -> np.ndarray | None:
        if name not in quantised:
            return kept.get(name)  # None where it is computed, as of convolutions that standardise their weights
        Q, scale, zero = (kept[part] for part in quantised[name])
        shape = (-1, *[1] * (Q.ndim - 1))
        return (Q - zero.reshape(shape).astype(np.float32)) * scale.reshape(shape)

    def call(function: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: float) -> None:
        made.append(onnx.helper.make_node(function, inputs, outputs, domain=DOMAIN, **attributes))

    known = (one for one in _convolutions(full.graph) if {one.weight, *one.normalisation} <= trained.keys())
    origins = [(one, one.folded(trained)) for one in known]
    for convolution in (node for node in graph.node if node.op_type == "Conv"):
        names = list(convolution.input[1:])
        origin = _nearest(stands_for(names[0]), origins)
        if origin is None:
            continue
        parts = [origin.weight, *origin.normalisation] if origin.normalisation else [origin.weight, origin.bias]
        taken.update(filter(None, parts))
        if origin.normalisation:
            whole = [f"{origin.weight}.folded", f"{origin.normalisation[1]}.folded"]
            call("FoldNormalisation", parts, whole, epsilon=origin.epsilon)
        else:
            whole = parts
        for place, name in enumerate(names):
            if whole[place] is None:  # a bias that something after the convolution was made of
                continue
            if name not in quantised:
                convolution.input[1 + place] = whole[place]
            elif place == 0:
                call("QuantiseChannels", whole[:1], quantised[name])
            else:
                scales = [quantised[part][1] for part in convolution.input[:2]]
                call("QuantiseBias", [whole[1], *scales], quantised[name])
    add_calls(model, made, _FUNCTIONS)
    drop_unused(graph)
    own = [tensor for tensor in graph.initializer if tensor.name not in taken]
    replace(graph.initializer, [*own, *(onnx.numpy_helper.from_array(trained[name], name) for name in sorted(taken))])


def _nearest(W: np.ndarray | None, origins: Sequence[tuple[_Convolution, np.ndarray]]) -> _Convolution | None:
    """The convolution that has these weights, give or take what 8 bits cannot tell; ONNX Runtime orders them anew."""
    for origin, folded in origins:
        if W is not None and folded.shape == W.shape and np.abs(W - folded).max() <= 0.01 * np.abs(folded).max():
            return origin
    return None


class _Shown:
    """Photos as ONNX Runtime's calibration asks for them."""

    def __init__(self, photos: Iterable[np.ndarray]):
        self._photos = iter(photos)

    def get_next(self) -> dict[str, np.ndarray] | None:
        photo = next(self._photos, None)
        return None if photo is None else {"photos": photo}
