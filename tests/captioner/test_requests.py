"""Several requests on one model, at once and while it is replaced: each gets what it would get alone."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from captioner_toys import small_captioner
from toys import COLOURS, SIDES, square

from captioner import SearchSettings, load
from captioner.predictor import photo_seeds
from encoders.text import Vocabulary

pytestmark = pytest.mark.usefixtures("float32")  # numbers are compared here

PHOTOS = [square(colour, side) for colour in COLOURS for side in SIDES]
SAMPLE = SearchSettings(sample=True, n=3, temperature=1.5, max_length=12)


@pytest.fixture(scope="module")
def model():
    return small_captioner()


def texts(caption) -> list[str]:
    return [c.text for c in (caption, *caption.alternatives)]


def test_two_requests_at_once_give_what_one_after_the_other_gives(model):
    jobs = [(photo, how) for photo in PHOTOS for how in (SearchSettings(n=3), SAMPLE)] * 2
    expected = [model(*job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for found, alone in zip(pool.map(lambda job: model(*job), jobs), expected, strict=True):
            assert texts(found) == texts(alone)
            assert found.log_prob == pytest.approx(alone.log_prob, abs=1e-4)
            np.testing.assert_allclose(found.attention, alone.attention, atol=1e-5)


def test_a_model_that_is_replaced_finishes_what_it_began(model):
    models = {"captioner": small_captioner()}
    stream = models["captioner"].stream(PHOTOS)
    first = [next(stream)]
    models["captioner"] = small_captioner(Vocabulary.build(["other words altogether"]))
    gc.collect()
    assert [caption.text for _, caption in [*first, *stream]] == [model(photo).text for photo in PHOTOS]


def test_a_folder_that_is_overwritten_changes_no_model_in_memory(model, tmp_path):
    loaded = load(model.save(tmp_path / "model"), exact=True)
    small_captioner(Vocabulary.build(["other words altogether"])).save(tmp_path / "model")
    assert [loaded(photo).text for photo in PHOTOS] == [model(photo).text for photo in PHOTOS]


def test_what_is_sampled_of_a_photo_does_not_depend_on_its_place(model):
    together = [texts(caption) for caption in model(PHOTOS, SAMPLE)]
    assert together == [texts(model(photo, SAMPLE)) for photo in PHOTOS]
    assert together == [texts(caption) for caption in model(PHOTOS[::-1], SAMPLE)][::-1]
    assert [texts(caption) for caption in model(PHOTOS[2:5], SAMPLE)] == together[2:5]


def test_photos_have_seeds_of_their_own():
    features = np.random.default_rng(0).standard_normal((20, 4, 6))
    seeds = photo_seeds(features, 1)
    assert len(set(seeds)) > 10 and all(0 <= seed < 2**63 for seed in seeds)
    assert photo_seeds(features[::-1], 1) == seeds[::-1]
    assert photo_seeds(features * 1.0001, 1) == seeds, "rounding"
    assert not set(photo_seeds(features, 2)) & set(seeds)
