"""Gates are seen as they are, and only by whoever asks."""

from threading import Thread

import pytest
import torch

from encoders.gates import gate, record_gates
from encoders.recurrent import Recurrent

B, E, H = 2, 3, 4
ROWS = {"lstm": {"input": 0, "forget": 1, "output": 3}, "gru": {"reset": 0, "update": 1}, "rnn": {}}  # torch's order


@pytest.mark.parametrize("cell", ROWS)
def test_what_is_recorded_is_sigma_of_the_gates_rows(cell):
    torch.manual_seed(0)
    recurrent = Recurrent(cell, E, H, layers=2).double()
    x = torch.randn(B, E, dtype=torch.float64)
    before = torch.randn(B, 2, recurrent.parts, H, dtype=torch.float64)
    with record_gates() as record:
        _, after = recurrent.step(x, before)
    assert record.keys() == ROWS[cell].keys()
    for name, block in ROWS[cell].items():
        assert len(record[name]) == 2  # one a layer
        for n, given in enumerate((x, after[:, 0, 0])):
            layer, rows = recurrent.layers[n], slice(block * H, (block + 1) * H)
            a = given @ layer.weight_ih[rows].T + layer.bias_ih[rows]
            a = a + before[:, n, 0] @ layer.weight_hh[rows].T + layer.bias_hh[rows]
            assert torch.allclose(record[name][n], 1 / (1 + torch.exp(-a)), atol=1e-12)


def test_nothing_is_recorded_outside_or_of_another_thread():
    with record_gates() as record:
        other = Thread(target=gate, args=("input", torch.zeros(1)))
        other.start()
        other.join()
    gate("input", torch.zeros(1))
    assert record == {}
