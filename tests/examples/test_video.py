"""A label for every frame: where the ball goes, also while the light is out."""

import pytest
import torch
from PIL import Image

from examples.video import DARK, FRAMES, SIDE, STEPS, Watcher, accuracy, draw, train, videos


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(5)


def test_a_state_sees_where_the_ball_goes_and_single_frames_do_not(generator, tmp_path):
    torch.manual_seed(0)
    scores = {}
    for cell in ("none", "gru"):
        model = Watcher(cell=cell)
        train(model, updates=150, generator=generator)
        scores[cell] = accuracy(model, *videos(200, generator))
    assert max(scores["none"]) < 0.45 and min(scores["gru"]) > 0.85
    draw(model, *videos(2, generator), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.size == (1300, 230)


def test_the_ball_goes_where_the_label_says_and_the_light_is_out_once(generator):
    frames, labels = videos(50, generator)
    lit = frames.flatten(2).sum(dim=2) > 0
    assert (lit.sum(dim=1) == FRAMES - DARK).all() and lit[:, :4].all()
    for n in range(50):
        for t in range(FRAMES - 1):
            if lit[n, t] and lit[n, t + 1]:
                now, then = (frames[n, s].nonzero() for s in (t, t + 1))
                assert len(now) == 4 and torch.equal(now + STEPS[labels[n, t]], then)


def test_what_comes_later_changes_no_label_and_the_state_goes_on(generator):
    model, (frames, _) = Watcher(cell="lstm"), videos(3, generator)
    whole, _ = model(frames)
    first, state = model(frames[:, :7])
    second, _ = model(frames[:, 7:], state)
    assert torch.allclose(whole, torch.cat((first, second), dim=1), atol=1e-6)
    assert whole.shape == (3, FRAMES, 4) and frames.shape[2:] == (SIDE, SIDE)
