"""An encoder's graph in 8 bits: what comes out is near, and its weights are made of the model's own."""

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from encoders.onnx_encoder import ENCODER
from encoders.onnx_int8 import quantise_encoder
from runtime.checkpoint import WEIGHTS
from runtime.errors import ModelError
from runtime.onnx_export import save_graph
from runtime.onnx_graphs import Graph

PHOTOS = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def trunk(*layers: nn.Module) -> nn.Sequential:
    """Layers as training may leave them: statistics of their own, and a channel that no input reaches."""
    network = nn.Sequential(*layers)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                nn.init.uniform_(values, 0.4, 2)
    with torch.no_grad():
        next(layer for layer in network if isinstance(layer, nn.Conv2d)).weight[2] = 0
    return network.eval()


def conv(inputs: int, outputs: int, **more) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, **more)


class Standardised(nn.Conv2d):
    """Its weights are computed, as in timm's networks without batch normalisation."""

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True), self.bias)


class Shifted(nn.Module):
    """What ONNX Runtime makes a bias of the convolution before."""

    def __init__(self, channels: int):
        super().__init__()
        self.shift = nn.Parameter(torch.linspace(-1, 1, channels).view(channels, 1, 1))

    def forward(self, x):
        return x + self.shift


NETWORKS = {
    "with weights that are computed": lambda: trunk(conv(3, 8), nn.ReLU(), Standardised(8, 32, 3)),
    "with a bias that is added after": lambda: trunk(conv(3, 8, bias=False), Shifted(8), nn.ReLU(), conv(8, 32)),
    "no normalisation": lambda: trunk(conv(3, 8), nn.ReLU(), conv(8, 32)),
    "normalised": lambda: trunk(
        conv(3, 8, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU6(), conv(8, 32, bias=False), nn.BatchNorm2d(32)
    ),
    "normalised before, and with a bias": lambda: trunk(
        nn.BatchNorm2d(3), conv(3, 8), nn.ReLU(), conv(8, 32), nn.BatchNorm2d(32)
    ),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("kind", NETWORKS)
def test_what_comes_out_is_near(tmp_path, monkeypatch, kind, dtype):
    monkeypatch.setattr("encoders.onnx_int8.IN_FULL", 0)
    torch.manual_seed(1)
    network = NETWORKS[kind]()
    save_file({name: weight.to(dtype) for name, weight in network.state_dict().items()}, tmp_path / WEIGHTS)
    batch = {name: {0: "photos"} for name in ("photos", "features")}
    save_graph(tmp_path / ENCODER, network, {"photos": PHOTOS}, ("features",), sizes=batch)
    full = (tmp_path / ENCODER).read_bytes()
    name = quantise_encoder(tmp_path, [photo[None].numpy() for photo in PHOTOS])
    assert name == "encoder-int8.onnx" and (tmp_path / ENCODER).read_bytes() == full
    made, wanted = Graph(tmp_path / name), network(PHOTOS).detach().numpy()
    found = np.concatenate([made(photos=photo[None].numpy())[0] for photo in PHOTOS])  # one at a time
    assert 1e-4 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.02
    each = np.abs(found - wanted).max(axis=(0, 2, 3)) / np.abs(wanted).max()
    assert each.max() < 0.05  # of the channel of no weights too, which is its bias

    kept = [t for t in onnx.load(tmp_path / name, load_external_data=False).graph.initializer if np.prod(t.dims) > 1]
    own = {tensor.data_location for tensor in kept}
    assert own == {onnx.TensorProto.EXTERNAL} or kind.startswith(("normalised before", "with"))


def test_without_a_convolution_there_is_nothing_to_do(tmp_path):
    save_file({}, tmp_path / WEIGHTS)
    batch = {name: {0: "photos"} for name in ("photos", "features")}
    save_graph(tmp_path / ENCODER, nn.ReLU(), {"photos": PHOTOS}, ("features",), sizes=batch)
    with pytest.raises(ModelError, match=r"has no convolution to put in 8 bits; leave out --int8\."):
        quantise_encoder(tmp_path, [PHOTOS[:1].numpy()])
