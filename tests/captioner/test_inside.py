"""Looking inside: what it shows is what the decoder did."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from captioner_toys import small_captioner
from toys import square

from captioner import SearchSettings
from captioner.inside import inspect_caption
from encoders.images import open_photo
from encoders.text import START
from runtime.errors import SettingError


@pytest.fixture
def captioned(float32):
    """A captioner, a photo's features, and what it says of them."""
    made = small_captioner()
    photo = open_photo(square("red", "left").resize((320, 240)))
    features = made.encode(made.preprocessing(photo)[None])
    return made, features, made.describe(features, SearchSettings())[0]


def test_every_word_has_its_gates_and_is_among_those_weighed(captioned):
    made, features, caption = captioned
    found = inspect_caption(made, features, caption)
    T = len(caption.words)
    assert T > 2 and found.cell == "lstm" and found.gates.keys() == {"input", "forget", "output"}
    for values in found.gates.values():
        assert values.shape == (T, 2, 24) and values.min() > 0 and values.max() < 1
    listed = 0
    for word, candidates in zip(caption.words, found.candidates, strict=True):
        chances = {w.text: w.probability for w in candidates}
        assert len(chances) == 5 and list(chances.values()) == sorted(chances.values(), reverse=True)
        if word.text in chances:  # a search may take one that is not
            assert chances[word.text] == pytest.approx(word.probability, rel=1e-4)
            listed += 1
    assert listed > T / 2


def test_the_gradient_is_the_slope_of_the_last_words_log_probability(captioned):
    """Against a finite difference along the gradient, at the first state."""
    made, features, caption = captioned
    network = made.network.decoder
    ids = [made.vocabulary.ids[w.text] for w in caption.words]

    def log_p(recurrent):
        state = replace(network.start(torch.as_tensor(features)), recurrent=recurrent)
        for token in [START, *ids[:-1]]:
            logits, state = network.step(torch.tensor([token]), state)
        return torch.log_softmax(logits[0], dim=0)[ids[-1]]

    first = network.start(torch.as_tensor(features)).recurrent.detach().requires_grad_()
    slope = torch.autograd.grad(log_p(first), first)[0]
    found = inspect_caption(made, features, caption).gradient
    assert found.shape == (len(ids),) and (found > 0).all()
    assert found[0] == pytest.approx(slope.norm().item(), rel=1e-4)
    with torch.no_grad():
        way = 1e-2 * slope / slope.norm()
        assert (log_p(first + way) - log_p(first - way)).item() / 2e-2 == pytest.approx(found[0], rel=0.05)


def test_a_caption_without_words_has_nothing_inside(captioned):
    made, features, caption = captioned
    found = inspect_caption(made, features, replace(caption, text="", words=(), attention=caption.attention[:0]))
    assert found.candidates == () and found.gates == {} and found.gradient.shape == np.shape([])


def test_another_engine_is_refused_in_a_sentence(captioned):
    made, features, caption = captioned

    class Other:
        image_size, grid = made.engine.image_size, made.engine.grid

    other = type(made)(Other(), made.vocabulary, made.preprocessing)
    with pytest.raises(SettingError, match="does not run in PyTorch"):
        inspect_caption(other, features, caption)


def test_a_captioner_on_another_engine_is_looked_into_by_its_folder(captioned, tmp_path):
    made, features, caption = captioned
    folder = made.save(tmp_path / "model")

    class Other:
        image_size, grid = made.engine.image_size, made.engine.grid

    other = type(made)(Other(), made.vocabulary, made.preprocessing, folder=folder)
    found, expected = inspect_caption(other, np.asarray(features), caption), inspect_caption(made, features, caption)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-3)
