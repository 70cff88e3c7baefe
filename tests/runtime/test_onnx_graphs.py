"""One graph in ONNX Runtime: dimensions left open, and those that are said to be always the same."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import nn

import runtime
from runtime import onnx_graphs
from runtime.checkpoint import WEIGHTS
from runtime.onnx_export import fold_constants, save_graph
from runtime.onnx_graphs import Graph, products_saturate


class Padded(nn.Module):
    """As a network does that pads by its input's size: y = x, one row of zeros before it for each photo."""

    def forward(self, x):
        return torch.cat((torch.zeros(x.shape[0], x.shape[1]), x))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    path = tmp_path / "padded.onnx"
    save_graph(path, Padded(), {"x": torch.zeros(2, 3)}, ("y",), sizes={"x": {0: "photos"}, "y": {0: "rows"}})
    return path


def test_an_open_dimension_takes_any_size(path):
    for photos in (1, 4):
        [y] = Graph(path)(x=np.ones((photos, 3), np.float32))
        assert y.tolist() == [[0, 0, 0]] * photos + [[1, 1, 1]] * photos


def test_a_dimension_that_is_said_to_be_always_the_same_gives_the_same_and_takes_no_other(path):
    graph = Graph(path, photos=1)
    assert graph(x=np.ones((1, 3), np.float32))[0].tolist() == [[0, 0, 0], [1, 1, 1]]
    with pytest.raises(Exception, match="Expected: 1"):
        graph(x=np.ones((2, 3), np.float32))


class Same(nn.Module):
    """A convolution that pads by its input's size, as "SAME" is traced."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(2, 3, 3, stride=2)

    def forward(self, x):
        side = (torch.ceil(torch.tensor(x.shape[2]) / 2) * 2 + 1 - x.shape[2]).to(int)
        return self.layer(nn.functional.pad(x, (0, side, 0, side)))


def test_what_hangs_on_sizes_alone_is_computed_once(tmp_path):
    module, x = Same(), torch.rand(1, 2, 8, 8)
    save_file({name: weight.half() for name, weight in module.state_dict().items()}, tmp_path / WEIGHTS)
    path = tmp_path / "same.onnx"
    save_graph(path, module, {"x": torch.rand(2, 2, 8, 8)}, ("y",), sizes={"x": {0: "photos"}, "y": {0: "photos"}})
    before, kinds = Graph(path, photos=1)(x=x.numpy())[0], [node.op_type for node in nodes(path)]
    fold_constants(path, photos=1)
    after = Graph(path)(x=x.numpy())[0]
    assert (after == before).all() and after == pytest.approx(module(x).detach().numpy(), abs=1e-3)
    assert "Shape" in kinds and sorted(node.op_type for node in nodes(path)) == ["Cast", "Cast", "Conv", "Pad"]
    kept = onnx.load(path, load_external_data=False).graph.initializer
    assert {tensor.name for tensor in kept if tensor.data_location == TensorProto.EXTERNAL} == {
        "layer.weight.half", "layer.bias.half",
    }  # fmt: skip


def nodes(path):
    return onnx.load(path, load_external_data=False).graph.node


def test_what_tells_whether_products_saturate_is_one_product():
    shapes = {"a": (TensorProto.UINT8, [1, 4]), "b": (TensorProto.INT8, [4, 1]), "y": (TensorProto.INT32, [1, 1])}
    a, b, y = (helper.make_tensor_value_info(name, *shape) for name, shape in shapes.items())
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "b"], ["y"])], "saturation", [a, b], [y])
    wanted = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert onnx.load(Path(runtime.__file__).with_name("saturation.onnx")) == wanted


@pytest.mark.parametrize("most", [32_767, 1 << 31])
def test_products_saturate_where_pairs_are_kept_in_16_bits(monkeypatch, most):
    def run(self, names, given):
        a, b = given["a"].astype(int).ravel(), given["b"].astype(int).ravel()
        return [np.minimum((a * b).reshape(2, 2).sum(axis=1), most).sum(keepdims=True)]

    product = type("InferenceSession", (), {"__init__": lambda self, path: None, "run": run})
    monkeypatch.setattr("onnxruntime.InferenceSession", product)
    assert products_saturate.__wrapped__() == (most == 32_767)


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("name", ["padded.onnx", "padded-int8.onnx"])
def test_exact_products_are_asked_for_where_the_fast_ones_saturate(path, monkeypatch, saturate, name):
    monkeypatch.setattr(onnx_graphs, "products_saturate", lambda: saturate)
    path = path.rename(path.with_name(name))
    options = Graph(path)._session.get_session_options()
    asked = "session.x64quantprecision"
    exact = options.get_session_config_entry(asked) if saturate and "int8" in name else None
    if exact is None:
        with pytest.raises(RuntimeError, match=asked):
            options.get_session_config_entry(asked)
    else:
        assert exact == "1"
