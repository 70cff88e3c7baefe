"""A graph's products in 8 bits: what comes out is near, what the graph keeps, and that its weights are the model's."""

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from runtime.checkpoint import WEIGHTS
from runtime.onnx_export import save_graph
from runtime.onnx_graphs import Graph
from runtime.onnx_products import MIN_ROWS, quantise_products


class Words(nn.Module):
    """Tied as a decoder is: words (B,) -> their embeddings, through a layer of each kind, -> scores of words (B, V)."""

    def __init__(self, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(50, hidden)
        self.layer = nn.Linear(hidden, hidden)
        self.each = nn.Linear(hidden, hidden, bias=False)

    def forward(self, words):
        h = torch.tanh(self.layer(self.embedding(words)))
        h = self.each(h.view(1, -1, h.shape[1])).flatten(0, 1)  # of three dimensions: a product after a transposition
        return h @ self.embedding.weight.T


def made(folder, hidden: int, dtype) -> tuple[Words, np.ndarray]:
    """A module whose graph in 8 bits lies in the folder, and what that graph gives for each word."""
    torch.manual_seed(1)
    module = Words(hidden)
    with torch.no_grad():
        module.layer.weight[::2] *= 50  # rows whose largest weight says nothing of the others
        module.layer.weight[3] = 0
        module.embedding.weight[::3] /= 50
        module.embedding.weight[7] = 0
    save_file({name: weight.to(dtype).contiguous() for name, weight in module.state_dict().items()}, folder / WEIGHTS)
    words = torch.arange(50)
    save_graph(folder / "words.onnx", module, {"words": words}, ("scores",),
               sizes={"words": {0: "rows"}, "scores": {0: "rows"}})  # fmt: skip
    full = (folder / "words.onnx").read_bytes()
    assert quantise_products(folder / "words.onnx") == "words-int8.onnx"
    assert (folder / "words.onnx").read_bytes() == full
    return module, Graph(folder / "words-int8.onnx")(words=words.numpy())[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("hidden", [64, 40])
def test_what_comes_out_is_near(tmp_path, hidden, dtype):
    module, found = made(tmp_path, hidden, dtype)
    wanted = module(torch.arange(50)).detach().numpy()
    assert 1e-4 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.03


def test_only_products_are_in_8_bits_and_what_nothing_takes_is_gone(tmp_path):
    made(tmp_path, 64, torch.float16)
    graph = onnx.load(tmp_path / "words-int8.onnx", load_external_data=False).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("MatMulIntegerToFloat") == kinds.count("QuantiseRows") == 3 and "Gather" in kinds
    assert kinds.count("QuantiseWeights") == 3 and not {"Gemm", "MatMul", "Transpose"}.intersection(kinds)
    assert {weight.data_location for weight in graph.initializer} == {onnx.TensorProto.EXTERNAL}
    assert len({weight.name for weight in graph.initializer}) == len(graph.initializer) == 4
    assert (tmp_path / "words-int8.onnx").stat().st_size < 5000


def test_each_row_is_as_alone(tmp_path):
    made(tmp_path, 64, torch.float16)
    graph, words = Graph(tmp_path / "words-int8.onnx"), np.arange(50)
    assert (np.concatenate([graph(words=word)[0] for word in words[:, None]]) == graph(words=words)[0]).all()


def saved_layer(folder, layer: nn.Module, x: torch.Tensor):
    """The file of its graph in 8 bits."""
    save_file(layer.state_dict(), folder / WEIGHTS)
    rows = {0: "rows"}
    save_graph(folder / "layer.onnx", layer, {"x": x}, ("y",), sizes={"x": rows, "y": rows})
    return folder / quantise_products(folder / "layer.onnx")


def test_weights_of_a_few_rows_stay(tmp_path):
    layer = nn.Sequential(nn.Linear(64, MIN_ROWS), nn.Linear(MIN_ROWS, MIN_ROWS - 1))
    path = saved_layer(tmp_path, layer, torch.rand(5, 64))
    kinds = [node.op_type for node in onnx.load(path, load_external_data=False).graph.node]
    assert kinds.count("Gemm") == kinds.count("MatMulIntegerToFloat") == 1


def test_the_largest_sums_are_exact_on_any_processor(tmp_path):
    layer, x = nn.Linear(256, 64), torch.ones(3, 256)
    nn.init.ones_(layer.weight)
    [y] = Graph(saved_layer(tmp_path, layer, x))(x=x.numpy())
    assert y == pytest.approx(layer(x).detach().numpy(), rel=1e-5)


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def test_a_graph_without_products_stays_as_it_is(tmp_path):
    save_file({}, tmp_path / WEIGHTS)
    x, rows = torch.ones(2, 3), {0: "rows"}
    save_graph(tmp_path / "doubled.onnx", Doubled(), {"x": x}, ("y",), sizes={"x": rows, "y": rows})
    quantise_products(tmp_path / "doubled.onnx")
    assert Graph(tmp_path / "doubled-int8.onnx")(x=x.numpy())[0].tolist() == [[2, 2, 2]] * 2
