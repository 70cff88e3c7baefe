"""The moving average of the weights: its values, and that it alone is validated and kept."""

import pytest
import torch
from loop_toys import QUICK, Line, weights
from torch import nn

from training.config.fit import FitSettings
from training.loop.ema import EmaWeights
from training.loop.fit import fit


def test_it_is_the_recursion_written_out():
    model = nn.Linear(1, 1, bias=False)
    average = EmaWeights(model, 0.6)
    path = [3.0, -1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0, 9.0, 7.0, 9.0, 3.0]
    expected = model.weight.item()
    for n, value in enumerate(path, start=1):
        nn.init.constant_(model.weight, value)
        average.update(n)
        d = min(0.6, n / (n + 9))  # 0.1 after the first step, 0.6 from the fourteenth
        expected = d * expected + (1 - d) * value
        assert average.averages[0].item() == pytest.approx(expected, rel=1e-6)
    with average.applied():
        assert model.weight.item() == pytest.approx(expected, rel=1e-6)
    assert model.weight.item() == path[-1]


def test_weights_that_are_not_trained_are_left_alone():
    model = nn.Linear(2, 1)
    model.weight.requires_grad_(False)
    assert [a.shape for a in EmaWeights(model, 0.9).averages] == [(1,)]
    assert EmaWeights(model, 0.0).averages == []


def test_an_error_while_validating_leaves_the_weights_as_they_were():
    model = nn.Linear(2, 1)
    average = EmaWeights(model, 0.9)
    nn.init.zeros_(model.weight)
    with pytest.raises(KeyError), average.applied():
        assert model.weight.count_nonzero() == 2
        raise KeyError
    assert model.weight.count_nonzero() == 0


def trained_weights(task):
    return torch.cat([p.detach().flatten().double() for p in task.model.parameters()])


def test_a_run_validates_and_keeps_the_average_and_trains_as_without(tmp_path):
    class Watched(Line):
        def batch(self, *where):
            self.path = [
                *getattr(self, "path", []),
                trained_weights(self),
            ]  # before the first step, after each but the last
            return super().batch(*where)

        def validate(self):
            self.validated, self.average = weights(self), trained_weights(self)
            return super().validate()

    plain, averaged = Watched(), Watched()
    list(fit(plain, FitSettings(**QUICK), tmp_path / "plain"))
    list(fit(averaged, FitSettings(**QUICK, ema=0.5), tmp_path / "averaged"))
    assert torch.equal(weights(plain), weights(averaged))
    assert torch.equal(plain.shared, weights(plain))
    assert torch.equal(averaged.shared, averaged.validated)
    expected, *after = [*averaged.path, trained_weights(averaged)]
    for n, now in enumerate(after, start=1):
        d = min(0.5, n / (n + 9))
        expected = d * expected + (1 - d) * now
    assert torch.allclose(averaged.average, expected, atol=1e-6)
    assert not torch.allclose(averaged.average, trained_weights(averaged), atol=1e-3)
