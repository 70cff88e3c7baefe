"""The captioner as people use it: photos of any kind in, captions out in the same order, and one folder on disk."""

import json
import math
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from captioner_toys import VOCABULARY, small_captioner
from toys import COLOURS, SIDES, square

import encoders.stream
from captioner import Caption, Captioner, DecoderSettings, SearchSettings, Word, load
from encoders.images import Preprocessing
from encoders.softmax import log_softmax
from encoders.stream import BATCH
from encoders.text import END, PAD, START, UNK, Vocabulary
from runtime.checkpoint import CONFIG, WEIGHTS
from runtime.errors import ModelError, PhotoError, SettingError

pytestmark = pytest.mark.usefixtures("float32")  # numbers are compared here

GRID = (2, 2)


@pytest.fixture(scope="module")
def model():
    return small_captioner()


@pytest.fixture(scope="module")
def photos():
    return [square(colour, side) for colour in COLOURS for side in SIDES]


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("run") / "best")


def replay(model, photo, caption):
    """The caption word by word through the decoder: each token's log-probability, the end's too, and each look."""
    state = model.network.start(model.encode(model.preprocessing(photo)[None]))
    log_probs, looks, said = [], [], START
    for token in [*(model.vocabulary.ids[w.text] for w in caption.words), END]:
        logits, state = model.network.step(np.array([said]), state)
        log_probs.append(log_softmax(logits[0])[token].item())
        looks.append(state.p[0].reshape(GRID))
        said = token
    return log_probs, np.stack(looks)


def test_a_photo_may_be_a_picture_a_path_bytes_or_a_file(model, photos, tmp_path):
    path = tmp_path / "photo.png"
    photos[0].save(path)
    expected = model(photos[0])
    assert expected.text
    assert model(path) == model(str(path)) == model(path.read_bytes()) == expected
    with path.open("rb") as file:
        assert model(file) == expected


@pytest.mark.parametrize("how", [SearchSettings(), SearchSettings(beam=4, n=4, max_length=9), SearchSettings(beam=1)])
def test_a_batch_says_what_each_photo_alone_says(model, photos, how):
    together = model(photos, how)
    alone = [model(photo, how) for photo in photos]
    assert [c.text for c in together] == [c.text for c in alone]
    assert len({c.text for c in together}) > 2
    for ours, single in zip(together, alone, strict=True):
        assert ours.log_prob == pytest.approx(single.log_prob, abs=1e-3)
        assert [a.text for a in ours.alternatives] == [a.text for a in single.alternatives]
        np.testing.assert_allclose(ours.attention, single.attention, atol=1e-4)


def test_permuting_the_photos_permutes_the_captions(model, photos):
    order = [5, 2, 7, 0, 1, 6, 3, 4]
    said = model(photos)
    assert [c.text for c in model([photos[i] for i in order])] == [said[i].text for i in order]


@pytest.mark.parametrize("how", [SearchSettings(n=3), SearchSettings(sample=True, n=3, max_length=12)])
def test_probabilities_and_attention_are_those_of_the_words(model, photos, how):
    for photo, said in zip(photos, model(photos, how), strict=True):
        for caption in (said, *said.alternatives):
            log_probs, looks = replay(model, photo, caption)
            words = len(caption.words)
            assert caption.text == " ".join(w.text for w in caption.words)
            assert [math.log(w.probability) for w in caption.words] == pytest.approx(log_probs[:words], abs=1e-3)
            whole = sum(log_probs[:words]) if words == how.max_length else sum(log_probs)
            assert caption.log_prob == pytest.approx(whole, abs=1e-3)
            assert caption.attention.shape == (words, *GRID)
            np.testing.assert_allclose(caption.attention, looks[:words], atol=1e-4)
            np.testing.assert_allclose(caption.attention.sum((1, 2)), 1, atol=1e-5)


def test_reduced_precision_gives_captions_too(model, photos, monkeypatch):
    for module in ("runtime.device", "encoders.inference"):
        monkeypatch.setattr(f"{module}.bf16_is_fast", lambda device: True)
    for caption in model(photos, SearchSettings(n=3)):
        assert caption.text
        assert caption.attention.dtype == np.float32
        np.testing.assert_allclose(caption.attention.sum((1, 2)), 1, atol=0.01)


def test_alternatives_are_other_sentences_best_first(model, photos):
    how = SearchSettings(beam=5, n=4, length_penalty=0.0)
    for caption in model(photos, how):
        everything = (caption, *caption.alternatives)
        assert len({c.text for c in everything}) == 4
        assert [c.log_prob for c in everything] == sorted((c.log_prob for c in everything), reverse=True)
        assert not any(c.alternatives for c in caption.alternatives)


def test_stream_takes_any_iterable_and_keeps_the_order_past_bad_files(model, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(encoders.stream, "BATCH", 3)
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a photo")
    missing = tmp_path / "missing.jpg"
    mixed = [bad, *photos[:4], missing, bad, missing, bad, photos[4]]
    said = list(model.stream(item for item in mixed))
    assert [source for source, _ in said] == mixed
    assert [isinstance(found, PhotoError) for _, found in said] == [isinstance(source, type(bad)) for source in mixed]
    expected = iter(c.text for c in model(photos[:5]))
    assert all(found.text == next(expected) for _, found in said if isinstance(found, Caption))
    assert "missing.jpg does not exist" in str(said[5][1])


def test_stream_reads_no_further_than_the_next_batch(model, photos):
    taken = []
    endless = (taken.append(n) or photos[n % 8] for n in range(10**9))
    stream = model.stream(endless, SearchSettings(beam=1, max_length=2))
    next(stream)
    stream.close()
    assert len(taken) == 2 * BATCH


def test_a_list_with_a_bad_photo_raises_and_an_empty_one_is_empty(model, photos, tmp_path):
    assert model([]) == []
    with pytest.raises(PhotoError, match=r"nowhere\.jpg does not exist"):
        model([photos[0], tmp_path / "nowhere.jpg"])


def test_special_tokens_are_said_only_when_asked(photos):
    model = small_captioner()
    with torch.no_grad():
        model.network.decoder.bias[[PAD, START, UNK]] = 60.0
    assert not any("<" in caption.text for caption in model(photos, SearchSettings(beam=1)))
    said = model(photos, SearchSettings(beam=1, unknown=True))
    assert all("<unk>" in caption.text for caption in said)
    assert not any("<pad>" in caption.text or "<start>" in caption.text for caption in said)


def test_a_model_with_nothing_to_say(photos):
    model = small_captioner()
    with torch.no_grad():
        model.network.decoder.bias[END] = 200.0
    caption = model(photos[0])
    assert (caption.text, caption.words, caption.attention.shape) == ("", (), (0, *GRID))
    assert caption.log_prob == pytest.approx(0, abs=1e-3)


def test_a_model_of_characters_writes_them_together(photos):
    characters = Vocabulary.build(["abc de"], unit="character")
    caption = small_captioner(characters)(photos[0], SearchSettings(max_length=12))
    assert caption.text == "".join(w.text for w in caption.words)
    assert len(caption.words) > 1


def test_sampling_is_seeded(model, photos):
    first, again, other = (model(photos, SearchSettings(sample=True, temperature=2.0, seed=s)) for s in (1, 1, 2))
    assert first == again != other


def test_save_and_load_say_the_same(model, photos, folder):
    again = load(folder, exact=True)
    assert again(photos) == model(photos)
    assert (again.vocabulary, again.preprocessing, again.network.settings, again.about) == (
        model.vocabulary,
        model.preprocessing,
        model.network.settings,
        {"licence": "none"},
    )
    assert not again.network.training
    assert again.network.encoder.trunk.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert load(folder.parent).network.settings == model.network.settings  # a training run's folder, with `best` in it


def test_every_choice_of_the_recurrent_network_comes_back(photos, tmp_path):
    choices = {
        "cell": "lstm", "variant": "peepholes,full-gate-recurrence", "layers": 3, "forget_bias": 2.0, "highway": True,
        "init": "orthogonal", "initial_state": "learnt", "truncate": 3,
    }  # fmt: skip
    made = small_captioner(**choices)
    again = load(made.save(tmp_path / "m"), exact=True)
    assert again.network.settings.recurrent == choices
    assert again(photos) == made(photos)


def test_a_folder_from_before_these_choices_loads(model, photos, folder, tmp_path):
    new = ("variant", "forget_bias", "highway", "init", "initial_state", "truncate")
    old = damaged(folder, tmp_path / "old", **{f"decoder__{name}": None for name in new})
    again = load(old, exact=True)
    assert again.network.settings == model.network.settings
    assert again(photos) == model(photos)


def test_half_precision_halves_the_file_and_loads_as_single(model, photos, folder, tmp_path):
    half = model.save(tmp_path / "half", dtype=torch.float16)
    assert (half / WEIGHTS).stat().st_size < 0.51 * (folder / WEIGHTS).stat().st_size
    again = load(half)
    assert {w.dtype for w in again.network.parameters()} == {torch.float32}
    for caption, exact in zip(again(photos), model(photos), strict=True):
        assert caption.words[0].probability == pytest.approx(exact.words[0].probability, abs=0.02)


def test_saving_over_a_model_replaces_it(model, tmp_path):
    model.save(tmp_path / "model")
    changed = small_captioner()
    changed.about = {"licence": "another"}
    changed.save(tmp_path / "model")
    assert load(tmp_path / "model").about == {"licence": "another"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def damaged(folder, target, **changes):
    """A copy of a model folder with parts of its config changed: `decoder__cell="x"` changes config["decoder"]."""
    target.mkdir()
    (target / WEIGHTS).hardlink_to(folder / WEIGHTS)
    config = json.loads((folder / CONFIG).read_text())
    for path, value in changes.items():
        *parents, key = path.split("__")
        inner = config
        for parent in parents:
            inner = inner[parent]
        inner[key] = value
        if value is None:
            del inner[key]
    (target / CONFIG).write_text(json.dumps(config))
    return target


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "vqa"}, "holds a model of kind 'vqa'; give one of kind 'captioner'"),
        ({"format": 99}, "has format 99"),
        ({"decoder": None}, "incomplete or damaged"),
        ({"vocabulary": ["a", "b"]}, "incomplete or damaged"),
        ({"vocabulary__tokens": ["a"]}, "a vocabulary begins with <pad>"),
        ({"encoder__name": "resnet1"}, "there is no encoder 'resnet1'"),
        ({"encoder__image_size": 64}, "the encoder is for photos of 64 pixels, the preprocessing makes 32"),
        ({"encoder__image_size": -64}, "incomplete or damaged"),
        ({"preprocessing__fit": "shrink"}, "fit is 'shrink'"),
        ({"decoder__cell": "transformer"}, "there is no cell 'transformer'"),
        ({"decoder__hidden_size": 0}, "hidden_size is 0; choose 1 or more"),
        ({"decoder__hidden_size": 10**30}, "incomplete or damaged"),
        ({"decoder__hidden_size": 25}, r"has shape .* the two files do not belong together"),
        ({"decoder__layers": 1}, "the two files do not belong together"),
        ({"encoder__stride": 32}, "compact has no layer of stride 32"),
        ({"decoder__beam": 3}, "incomplete or damaged"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder, tmp_path, changes, words):
    with pytest.raises(ModelError, match=words) as caught:
        load(damaged(folder, tmp_path / "model", **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (CONFIG, lambda data: data[: len(data) // 2], "config.json cannot be read"),
        (CONFIG, lambda data: b"\xff" + data, "config.json cannot be read"),
        (CONFIG, lambda data: b"[]", "config.json cannot be read"),
        (WEIGHTS, lambda data: data[: len(data) // 2], "is missing, cut short, or not a safetensors file"),
        (WEIGHTS, lambda data: b"", "is missing, cut short"),
        (WEIGHTS, lambda data: pickle.dumps({"decoder.bias": [1.0]}), "ickled weights are never opened"),
    ],
)
def test_a_damaged_file_is_refused(folder, tmp_path, name, content, words):
    target = damaged(folder, tmp_path / "model")
    data = (target / name).read_bytes()
    (target / name).unlink()  # the copy shares the weights with the original
    (target / name).write_bytes(content(data))
    with pytest.raises(ModelError, match=words):
        load(target)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere does not exist; give a folder with config\.json"):
        load(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="is not a model folder"):
        load(tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps({"format": 1, "kind": "captioner"}))
    with pytest.raises(ModelError, match=r"config\.json is incomplete or damaged .*copy the model folder again"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"attention_size": -1}, "attention_size is -1; choose 0"),
        ({"initial_state": "noise"}, "choose one of photo, zero, learnt"),
        ({"highway": True}, "choose layers 2 to 8"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": math.nan}, "nan"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(wrong, words):
    with pytest.raises(SettingError, match=words):
        DecoderSettings(**wrong)


def test_an_encoder_for_photos_of_another_size_is_refused(model):
    with pytest.raises(SettingError, match="32 pixels, the preprocessing makes 64"):
        Captioner(model.network, VOCABULARY, Preprocessing(64))


def test_results_are_frozen_and_compared_by_what_they_say():
    caption = Caption("a dog", (Word("a", 0.5), Word("dog", 0.25)), -2.5, np.ones((2, *GRID)) / 4)
    with pytest.raises(FrozenInstanceError):
        caption.text = "a cat"
    with pytest.raises(FrozenInstanceError):
        caption.words[0].probability = 1.0
    assert caption == replace(caption, attention=np.zeros((2, *GRID)))
    assert caption != replace(caption, log_prob=-1.0)


def test_json_of_a_caption():
    other = Caption("a cat", (Word("a", 0.5),), -3.14159, np.ones((2, *GRID)))
    caption = Caption("a dog", (Word("a", 0.5), Word("dog", 0.123456)), -2.5, np.ones((2, *GRID)), (other,))
    assert caption.to_json() == {
        "caption": "a dog",
        "log_prob": -2.5,
        "words": [{"word": "a", "prob": 0.5}, {"word": "dog", "prob": 0.1235}],
        "alternatives": [{"caption": "a cat", "log_prob": -3.1416}],
    }
    assert json.loads(json.dumps(caption.to_json())) == caption.to_json()
