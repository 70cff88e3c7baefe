"""One graph in ONNX Runtime: dimensions left open, and those that are said to be always the same."""

import numpy as np
import pytest
import torch
from torch import nn

from runtime.onnx_export import save_graph
from runtime.onnx_graphs import Graph


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
