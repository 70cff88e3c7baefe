import pytest
import torch
from torch import nn

from runtime.device import depthwise_in_float32


@pytest.mark.parametrize(("groups", "dtype"), [(1, torch.bfloat16), (4, torch.float32)])
def test_only_depthwise_convolutions_leave_autocast_where_they_are_trained(groups, dtype):
    network, x = nn.Sequential(nn.Conv2d(4, 4, 3, groups=groups)), torch.randn(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        with depthwise_in_float32(network, x.device):
            assert network(x).dtype == dtype
        assert nn.functional.conv2d(x, network[0].weight, groups=groups).dtype == torch.bfloat16
