"""An encoder's ONNX graph in 8 bits: weights by channel, activations by the values they have on photos it is shown.

Static quantisation as ONNX Runtime has it (onnxruntime.quantization, QDQ). What is 8 bits wide lies in a file of its
own, which the graph refers to: the model's weights stay as they were trained, and PyTorch goes on with those.
"""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from runtime.checkpoint import WEIGHTS
from runtime.errors import ModelError, printable
from runtime.onnx_export import refer_to_weights

from .onnx_encoder import ENCODER

INT8_WEIGHTS = "encoder-int8.safetensors"
QUANTISED = ["Conv", "Clip", "Add", "Pad"]  # a convolutional trunk; the rest moves values, and computes none
IN_FULL = 0.25  # of the convolutions, the first: what they lose grows through all others, and they gain next to no time


def quantise_encoder(folder: Path, photos: Iterable[np.ndarray]) -> None:
    """Put an encoder's graph in 8 bits in place of the one that a model's folder has.

    Args:
        photos: normalised, each (1, 3, S, S): the range of each activation is that of its values on these.

    Raises:
        ModelError: there is no convolution in it, so that nothing would become smaller or faster.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from safetensors.numpy import save_file

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
    large = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.dims}
    save_file(large, folder / INT8_WEIGHTS)
    (folder / INT8_WEIGHTS).chmod((folder / WEIGHTS).stat().st_mode)  # safetensors lets nobody but the owner read
    refer_to_weights(model.graph, folder / INT8_WEIGHTS)
    (folder / ENCODER).write_bytes(model.SerializeToString())


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


class _Shown:
    """Photos as ONNX Runtime's calibration asks for them."""

    def __init__(self, photos: Iterable[np.ndarray]):
        self._photos = iter(photos)

    def get_next(self) -> dict[str, np.ndarray] | None:
        photo = next(self._photos, None)
        return None if photo is None else {"photos": photo}
