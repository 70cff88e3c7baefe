"""The likeliest of many, found without sorting them all."""

import numpy as np
import pytest

from encoders.softmax import largest


@pytest.mark.parametrize("numbers", [5, 64, 1000, 3001])
@pytest.mark.parametrize("count", [1, 6, 200])
def test_the_largest_come_in_order_and_equals_by_their_place(numbers, count):
    values = np.random.default_rng(numbers).integers(0, numbers // 2, (3, numbers)).astype(np.float32)
    values[1] = float("-inf")
    values[2, -1] = numbers  # in the last piece, which is shorter
    wanted = np.argsort(-values, axis=1, kind="stable")[:, :count]
    assert [largest(row, count) for row in values] == wanted.tolist()
