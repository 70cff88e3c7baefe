"""The training loop: settings, learning rate, early stopping, saving, and resuming as if never stopped."""

import io
import json
from dataclasses import asdict

import pytest
import torch
from loop_toys import QUICK, Line, weights
from rich.console import Console

from runtime.errors import GlimpseError, SettingError
from training.commands.show import draw_fit
from training.config.fit import FitSettings
from training.loop.alarms import Alarm
from training.loop.fit import fit
from training.loop.seed import derive_seed
from training.loop.task import WHOLE_BATCH, Epoch, Step, Stopped


def test_the_rate_rises_then_falls_to_zero():
    settings = FitSettings(learning_rate=2.0, warmup=0.2)
    rates = [settings.rate(i / 100) for i in range(101)]
    assert max(rates) == rates[20] == 2.0
    assert rates[:21] == sorted(rates[:21]) and rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(0) and rates[0] > 0


def test_seeds_are_unrelated_and_stable():
    assert derive_seed(1, "order", 2) == derive_seed(1, "order", 2)
    assert len({derive_seed(a, b) for a in range(20) for b in range(20)}) == 400
    assert derive_seed(1, 12) != derive_seed(11, 2)


def test_records_tell_every_epoch_and_the_best_is_kept(tmp_path):
    task = Line(scores=[1.0, 3.0, 2.0])
    records = list(fit(task, FitSettings(**QUICK), tmp_path))
    epochs = [r for r in records if isinstance(r, Epoch)]
    assert [(e.epoch, e.best) for e in epochs] == [(1, True), (2, True), (3, False)]
    assert task.saved == [("last", 1.0), ("best", 1.0), ("last", 3.0), ("best", 3.0), ("last", 2.0)]
    assert [r.step for r in records if isinstance(r, Step)][-1] == Line.steps
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged == [asdict(e) for e in epochs]
    assert list((tmp_path / "tensorboard").iterdir())


def test_patience_stops_early(tmp_path):
    records = fit(Line(scores=[5, 4, 3, 2, 1]), FitSettings(**QUICK | {"epochs": 5}, patience=2), tmp_path)
    assert sum(isinstance(r, Epoch) for r in records) == 3


def test_a_batch_is_computed_in_so_many_parts(tmp_path):
    class Counted(Line):
        def batch(self, epoch, step, part=WHOLE_BATCH):
            batch = super().batch(epoch, step, part)
            sizes.append(len(batch))
            return batch

    sizes = []
    list(fit(Counted(), FitSettings(**QUICK | {"epochs": 1}, accumulate=2), tmp_path))
    assert sizes[:2] == [4, 4] and sum(sizes) == 8 * Line.steps


@pytest.mark.parametrize("ema", [0.0, 0.7])
@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("stop_after", [1, 4, 5, 8])
def test_a_resumed_run_is_the_run_that_was_never_stopped_bit_for_bit(tmp_path, optimiser, stop_after, ema):
    settings = FitSettings(**QUICK, optimiser=optimiser, ema=ema, save_minutes=0)  # 0: save after every step
    whole = Line()
    list(fit(whole, settings, tmp_path / "whole"))

    class Killed(Line):
        taken = 0

        def batch(self, *where):
            self.taken += 1
            if self.taken > stop_after:
                raise KeyboardInterrupt
            return super().batch(*where)

    with pytest.raises(KeyboardInterrupt):
        list(fit(Killed(), settings, tmp_path / "parts"))
    saved = torch.load(tmp_path / "parts" / "resume.pt", weights_only=True)
    assert saved["state"]["step"] == stop_after
    rest = Line()
    with torch.no_grad():
        rest.model.layers[0].weight.zero_()  # whatever it starts with is replaced
    list(fit(rest, settings, tmp_path / "parts", resume=True))
    assert torch.equal(weights(whole), weights(rest))
    assert torch.equal(whole.shared, rest.shared)


def test_resuming_with_other_settings_says_which(tmp_path):
    list(fit(Line(), FitSettings(**QUICK), tmp_path))
    with pytest.raises(SettingError, match=r"learning_rate \(was 0.05, now 0.1\)"):
        list(fit(Line(), FitSettings(**QUICK | {"learning_rate": 0.1}), tmp_path, resume=True))
    with pytest.raises(SettingError, match="no run to resume"):
        list(fit(Line(), FitSettings(**QUICK), tmp_path / "nothing", resume=True))


@pytest.mark.parametrize("fast, precision, expected", [
    (True, "32", torch.float32), (True, "bf16", torch.bfloat16), (True, "auto", torch.bfloat16),
    (False, "auto", torch.float32),
])  # fmt: skip
def test_training_computes_in_the_precision_asked_for(tmp_path, monkeypatch, fast, precision, expected):
    monkeypatch.setattr("training.loop.fit.bf16_is_fast", lambda device: fast)
    task, types = Line(), set()
    task.model.layers[0].register_forward_hook(lambda module, inputs, output: types.add(output.dtype))
    list(fit(task, FitSettings(**QUICK | {"precision": precision}), tmp_path))
    assert types == {expected}
    assert {p.dtype for p in task.model.parameters()} == {torch.float32}, "the weights stay in 32 bits"


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(tmp_path):
    with pytest.raises(GlimpseError, match=r"nan in epoch 2, step 4"):
        list(fit(Line(spoil=(1, 3)), FitSettings(**QUICK), tmp_path))


def test_a_gradient_that_is_not_finite_stops_the_run_before_it_spoils_the_weights(tmp_path):
    class Steep(Line):
        def batch(self, *where):
            batch = super().batch(*where)
            batch.x.requires_grad_()
            self.model.layers[3].weight.register_hook(lambda gradient: gradient * float("inf"))
            return batch

    task = Steep()
    with pytest.raises(GlimpseError, match=r"the gradient became not finite in epoch 1, step 1; lower --learning-rate"):
        list(fit(task, FitSettings(**QUICK), tmp_path))
    assert torch.isfinite(weights(task)).all()


def test_a_run_is_drawn_with_its_alarms_and_its_stop(tmp_path):
    drawn = Console(file=io.StringIO(), width=200)
    scores = {"score": 3.0, "cider": 3.0, "meteor": None, "attention_entropy": 0.5}
    records = [Step(1, 2, 5, 1.5, 0.1, 10.0, 60.0), Epoch(1, 3, scores, best=True),
               Alarm("collapse", "all [captions] are the same.", 1)]  # fmt: skip
    assert draw_fit(records, drawn) == records[1]
    output = drawn.file.getvalue()
    assert "ended before the last epoch: the score was no better for as many epochs as --patience says.\n" in output
    assert "epoch 1/3  cider 3.00  * best\n" in output and "warning: all [captions] are the same.\n" in output
    with pytest.raises(SystemExit) as left:
        draw_fit([*records, Stopped(2, 1, 5)], drawn)
    assert left.value.code == 130 and "stopped in epoch 2, step 1 of 5" in drawn.file.getvalue()


def moved(task, tmp_path, **settings) -> dict[str, float]:
    """How far each parameter went in one epoch of plain SGD."""
    before = {name: p.detach().clone() for name, p in task.model.named_parameters()}
    list(fit(task, FitSettings(**QUICK | {"epochs": 1}, optimiser="sgd", weight_decay=0, **settings), tmp_path))
    return {name: (p - before[name]).norm().item() for name, p in task.model.named_parameters()}


def test_a_clipped_gradient_hardly_moves_a_weight(tmp_path):
    assert max(moved(Line(), tmp_path / "clipped", clip=1e-6).values()) < 1e-5
    assert max(moved(Line(), tmp_path / "free", clip=1e6).values()) > 1e-2


def test_a_parameter_has_its_own_rate(tmp_path):
    class Frozen(Line):
        def lr_scale(self, name):
            return 0.0 if name.startswith("layers.0") else 1.0

    went = moved(Frozen(), tmp_path)
    assert went["layers.0.weight"] == 0.0 < went["layers.3.weight"]


def test_each_step_has_the_rate_of_the_schedule(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self, *_, **__: seen.append([g["lr"] for g in self.param_groups])
    )
    settings = FitSettings(**QUICK, optimiser="sgd", warmup=0.5)
    list(fit(Line(), settings, tmp_path))
    wanted = [settings.rate(step / 15) for step in range(15)]
    assert [max(rates) for rates in seen] == pytest.approx(wanted) and seen[0][0] < 0.001 < 0.04 < max(wanted)
    assert {round(min(rates) / max(rates), 6) for rates in seen} == {0.1}, "the first layer's share"


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_weights_decay_and_biases_do_not(tmp_path, optimiser):
    class Still(Line):
        """Its loss is 0 times what it was: nothing moves a parameter but its decay."""

        def __init__(self):
            super().__init__()
            self.model.forward = lambda batch: 0 * sum(p.sum() for p in self.model.parameters())

    before, after = Still(), Still()
    settings = {**QUICK, "epochs": 1, "warmup": 0, "optimiser": optimiser, "weight_decay": 0.5}
    list(fit(after, FitSettings(**settings), tmp_path))
    rate = sum(FitSettings(**settings).rate(step / 5) for step in range(5))
    for name, old in before.model.named_parameters():
        new = dict(after.model.named_parameters())[name]
        if old.ndim > 1:
            scale = after.lr_scale(name)
            assert 0 < (1 - new / old).mean().item() <= (3 if optimiser == "sgd" else 1.01) * 0.5 * rate * scale
        else:
            assert torch.equal(old, new)


def test_another_seed_draws_other_dropout(tmp_path):
    tasks = [Line(), Line(), Line()]
    for task, seed, name in zip(tasks, (1, 1, 2), "abc", strict=True):
        list(fit(task, FitSettings(**QUICK, seed=seed), tmp_path / name))
    one, same, other = map(weights, tasks)
    assert torch.equal(one, same) and not torch.equal(one, other)
