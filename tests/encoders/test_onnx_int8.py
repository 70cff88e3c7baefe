"""An encoder's graph in 8 bits, where its weights are of 32 bits and follow no normalisation: none is folded."""

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from encoders.onnx_encoder import ENCODER
from encoders.onnx_int8 import quantise_encoder
from runtime.checkpoint import WEIGHTS
from runtime.onnx_export import save_graph
from runtime.onnx_graphs import Graph


def test_weights_that_the_graph_only_refers_to_are_found_and_photos_come_one_at_a_time(tmp_path):
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    save_file(network.state_dict(), tmp_path / WEIGHTS)
    photos = torch.randn(4, 3, 16, 16)
    save_graph(
        tmp_path / ENCODER, network, {"photos": photos}, ("features",),
        sizes={"photos": {0: "photos"}, "features": {0: "photos"}},
    )  # fmt: skip
    quantise_encoder(tmp_path, [photo[None].numpy() for photo in photos])
    made, wanted = Graph(tmp_path / ENCODER), network(photos).detach().numpy()
    found = np.concatenate([made(photos=photo[None].numpy())[0] for photo in photos])
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert 1e-4 < error < 0.05
