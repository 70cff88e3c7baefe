"""The answerer as people use it: look at a photo once, ask anything about it, and one folder on disk."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import COLOURS, SIDES, square
from vqa_toys import QUESTIONS, small_answerer

import captioner
import encoders.stream
import vqa.model
import vqa.shared
import vqa.torch_engine
from encoders.cnn import ImageEncoder
from runtime.bundled import resolve_model
from runtime.checkpoint import CONFIG, WEIGHTS
from runtime.errors import ModelError, PhotoError, QuestionError, SettingError
from vqa import AnswerSet, HeadSettings, load
from vqa.question import MAX_LENGTH, clean_question

pytestmark = pytest.mark.usefixtures("float32")  # numbers are compared here

MORE = [*QUESTIONS, "is the square blue?", "red?", "what is the colour of the side it is on?", "무슨 색이에요?"]


@pytest.fixture(scope="module")
def model():
    return small_answerer(pooling="two-glimpses")


@pytest.fixture(scope="module")
def photos():
    return [square(colour, side) for colour in COLOURS for side in SIDES]


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("run") / "best")


@pytest.fixture
def look(model, photos):
    return model.look(photos[0])


def same(one, other):
    """Whether two lists of answers to one question are the same, up to rounding."""
    np.testing.assert_allclose(one[0].attention, other[0].attention, atol=1e-5)
    assert [a.probability for a in one] == pytest.approx([a.probability for a in other], abs=1e-5)
    return [(a.text, a.sure) for a in one] == [(a.text, a.sure) for a in other]


def test_three_lines_from_python(model, photos, folder):
    look = vqa.load(folder, exact=True).look(photos[0])
    answers = look.ask(QUESTIONS[0])
    assert answers[0].text in model.answers and same(answers, model.look(photos[0]).ask(QUESTIONS[0]))


def test_answers_come_best_first_and_their_probabilities_sum_to_one(look, model):
    answers = look.ask(QUESTIONS[0], top=100)
    assert sorted(a.text for a in answers) == sorted(model.answers)
    assert sum(a.probability for a in answers) == pytest.approx(1)
    assert [a.probability for a in answers] == sorted((a.probability for a in answers), reverse=True)
    assert same(look.ask(QUESTIONS[0], top=2), answers[:2])
    with pytest.raises(SettingError, match="top is 0"):
        look.ask(QUESTIONS[0], top=0)


@pytest.mark.parametrize("pooling", ["mean", "glimpse", "two-glimpses"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_many_questions_at_once_are_answered_like_each_alone(photos, pooling, cell):
    look = small_answerer(pooling=pooling, cell=cell, layers=2).look(photos[0])
    together = look.ask_all(MORE)
    assert all(same(answers, look.ask(question)) for question, answers in zip(MORE, together, strict=True))
    assert len({answers[0].probability for answers in together}) > 4
    reordered = look.ask_all(MORE[::-1])
    assert all(same(one, other) for one, other in zip(reordered[::-1], together, strict=True))
    assert look.ask_all([]) == []


def test_attention_is_over_the_grid_and_sums_to_one(look, model):
    answers = look.ask(QUESTIONS[0])
    assert answers[0].attention.shape == (2, *model.network.grid)
    np.testing.assert_allclose(answers[0].attention.sum((1, 2)), 1, atol=1e-5)
    assert all(np.array_equal(a.attention, answers[0].attention) for a in answers)


def test_stream_takes_any_iterable_and_keeps_the_order_past_bad_files(model, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(encoders.stream, "BATCH", 3)
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a photo")
    mixed = [bad, *photos[:4], tmp_path / "missing.jpg", bad, bad, photos[4]]
    looks = list(model.stream(item for item in mixed))
    assert [photo for photo, _ in looks] == mixed
    assert [isinstance(found, PhotoError) for _, found in looks] == [isinstance(photo, Path) for photo in mixed]
    for photo, found in looks:
        if not isinstance(found, PhotoError):
            assert same(found.ask(QUESTIONS[0]), model.look(photo).ask(QUESTIONS[0]))
    with pytest.raises(PhotoError, match=r"missing\.jpg does not exist"):
        model.look(tmp_path / "missing.jpg")


def test_a_blind_question_is_answered_alike_for_every_photo(model, photos):
    first, other = (model.look(photo).ask_all(QUESTIONS, blind=True) for photo in photos[:2])
    assert [a[0].probability for a in first] == pytest.approx([a[0].probability for a in other])
    assert first[0][0].probability != pytest.approx(model.look(photos[0]).ask(QUESTIONS[0])[0].probability)


def test_temperature_changes_how_sure_it_is_and_not_what_it_says(photos, folder):
    warm = load(folder)
    warm.temperature = 4.0
    look = warm.look(photos[0])
    for question in QUESTIONS:
        cold, hot = load(folder).look(photos[0]).ask(question, 8), look.ask(question, 8)
        assert [a.text for a in cold] == [a.text for a in hot]
        assert cold[0].probability > hot[0].probability
        ratio = torch.tensor([a.probability for a in cold]).log() / 4
        assert torch.tensor([a.probability for a in hot]).tolist() == pytest.approx(ratio.softmax(0).tolist(), abs=1e-5)


def test_sure_from_the_threshold_on_and_never_where_most_words_are_unknown(model, photos, folder):
    changed = load(folder)
    look = changed.look(photos[0])
    best = look.ask(QUESTIONS[0])[0].probability
    for threshold, sure in ((best - 1e-3, True), (best + 1e-3, False)):
        changed.threshold = threshold
        assert look.ask(QUESTIONS[0])[0].sure is sure
    changed.threshold = 0.0
    assert all(a.sure for a in look.ask("red zebra", 8))
    mostly = ("red zebra crossing", "zebra crossing", "무슨 색이에요?", "ما هو اللون", "🟥❓", "???", "<unk> <pad>")
    for unknown in mostly:
        assert not any(a.sure for a in look.ask(unknown, 8)), unknown


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", "the question is empty"),
        (" \t\n", "the question is empty"),
        ("\x00\x1b\u200d", "the question is empty"),
        ("a" * 10_000, f"has 10,000 characters; ask it in at most {MAX_LENGTH:,}"),
        (None, "a question is text, not NoneType"),
        (7, "a question is text, not int"),
    ],
)
def test_a_question_that_cannot_be_read_is_one_sentence(look, question, words):
    with pytest.raises(QuestionError, match=words) as caught:
        look.ask(question)
    assert "\n" not in str(caught.value)


def test_control_characters_are_taken_out(look):
    assert clean_question(" what\x00 colour\r\nis\u202e it?\ud800 ") == "what colour is it?"
    assert same(look.ask("what\x07colour \x1b is\tthe\nsquare?"), look.ask("what colour is the square?"))
    assert look.ask("a " * (MAX_LENGTH // 2))


def test_a_set_of_one_answer_is_always_that_answer(photos):
    [answer] = small_answerer(answers=["yes"]).look(photos[0]).ask(QUESTIONS[0])
    assert (answer.text, answer.probability, answer.sure) == ("yes", 1.0, True)


def test_save_and_load_answer_the_same(model, photos, folder):
    again = load(folder, exact=True)
    for photo in photos[:2]:
        looks = zip(again.look(photo).ask_all(MORE), model.look(photo).ask_all(MORE), strict=True)
        assert all(same(one, other) for one, other in looks)
    assert not again.network.training and again.about == {"licence": "none"}
    assert load(folder.parent).network.settings == model.network.settings  # a training run's folder, with `best` in it


@pytest.mark.parametrize("settings", [{}, {"cell": "gru", "layers": 2}, {"cell": "rnn"}])
def test_a_question_read_in_half_the_bytes_is_nearly_the_same(photos, tmp_path, monkeypatch, settings):
    """One question goes word by word over weights that are laid out, several through torch's kernel."""
    monkeypatch.setattr("encoders.inference.bf16_is_fast", lambda device: True)
    folder = small_answerer(**settings).save(tmp_path / "m")
    exact, fast = load(folder, exact=True).look(photos[0]), load(folder).look(photos[0])
    assert {w.dtype for w in fast.answerer.network.question.parameters()} == {torch.bfloat16}
    together = fast.ask_all(QUESTIONS, 8)
    for question, among in zip(QUESTIONS, together, strict=True):
        wanted = {a.text: a.probability for a in exact.ask(question, 8)}
        for found in (fast.ask(question, 8), among):
            assert {a.text: a.probability for a in found} == pytest.approx(wanted, abs=0.02)


def test_everything_about_a_model_comes_back(photos, tmp_path):
    settings = {
        "embedding_size": 8, "question_size": 12, "cell": "gru", "layers": 2, "pooling": "two-glimpses",
        "attention_size": 4, "fusion": "low-rank", "hidden_size": 10, "dropout": 0.5, "photo": False,
        "variant": "reset-before", "highway": True, "init": "glorot", "initial_state": "learnt", "truncate": 2,
    }  # fmt: skip
    made = small_answerer(**settings)
    made.temperature, made.threshold = 1.7, 0.21
    again = load(made.save(tmp_path / "m"))
    assert again.network.settings == HeadSettings(**settings) == made.network.settings
    assert (again.temperature, again.threshold, again.encoder_from) == (1.7, 0.21, None)
    assert (again.vocabulary, again.answers, again.preprocessing) == (made.vocabulary, made.answers, made.preprocessing)


def test_half_precision_halves_the_file_and_loads_as_single(model, photos, folder, tmp_path):
    half = model.save(tmp_path / "half", dtype=torch.float16)
    assert (half / WEIGHTS).stat().st_size < 0.52 * (folder / WEIGHTS).stat().st_size
    again = load(half, exact=True)
    assert {w.dtype for w in again.network.parameters()} == {torch.float32}
    [one, other] = (m.look(photos[0]).ask(QUESTIONS[0])[0].probability for m in (model, again))
    assert one == pytest.approx(other, abs=0.02)


def damaged(folder, target, **changes):
    """A copy of a model folder with parts of its config changed: `head__cell="x"` changes config["head"]."""
    target.mkdir()
    (target / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes())
    config = json.loads((folder / CONFIG).read_text())
    for path, value in changes.items():
        *parents, key = path.split("__")
        inner = config
        for parent in parents:
            inner = inner[parent]
        inner[key] = value
    (target / CONFIG).write_text(json.dumps(config))
    return target


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "captioner"}, "holds a model of kind 'captioner'; give one of kind 'vqa'"),
        ({"answers": []}, "an answer set is empty"),
        ({"answers": ["a", "a"]}, "names 'a' twice"),
        ({"answers": ["a", 1]}, "every answer must be text"),
        ({"answers": ["a", "b"]}, "the two files do not belong together"),
        ({"answers": None}, "incomplete or damaged"),
        ({"temperature": 0}, "temperature is 0"),
        ({"temperature": "warm"}, "incomplete or damaged"),
        ({"head": {}}, "config.json asks for|its config.json belongs to another model"),
        ({"head__fusion": "sum"}, "there is no fusion 'sum'"),
        ({"head__pooling": "max"}, "there is no pooling 'max'"),
        ({"head__pooling": "mean"}, "its config.json belongs to another model"),
        ({"head__hidden_size": 0}, "hidden_size is 0; choose 1 or more"),
        ({"head__dropout": 2}, "dropout is 2"),
        ({"head__beam": 3}, "incomplete or damaged"),
        ({"encoder__image_size": 64}, "the encoder is for photos of 64 pixels, the preprocessing makes 32"),
        ({"encoder": "tiny"}, "incomplete or damaged"),
        ({"encoder": {"from": "elsewhere"}}, "uses the encoder of 'elsewhere', which is not installed"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(folder, tmp_path, changes, words):
    with pytest.raises(ModelError, match=words) as caught:
        load(damaged(folder, tmp_path / "model", **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short", pickle.dumps({"head.output.bias": [1.0]})])
def test_damaged_weights_are_refused(folder, tmp_path, content):
    target = damaged(folder, tmp_path / "model")
    (target / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match="pickled weights are never opened"):
        load(target)


# An encoder shared with the captioner


@pytest.fixture
def sharing(bundle, tmp_path):
    """The folder of an answerer on that captioner's encoder."""
    made = small_answerer()
    made.network.encoder, made.encoder_from = bundle.network.encoder, captioner.BUNDLED
    return made.save(tmp_path / "sharing", dtype=torch.float16)


def test_a_shared_encoder_is_stored_once_and_encodes_once(bundle, sharing, photos):
    tensors = vqa.shared.read_tensors(sharing / WEIGHTS)
    assert tensors and not any(name.startswith("encoder.") for name in tensors)
    answerer = load(sharing)
    assert answerer.shares_encoder_with(bundle) and answerer.encoder_from == "bundled-captioner"
    features = bundle.encode(bundle.preprocessing(photos[0])[None])
    assert same(answerer.look_at(features).ask(QUESTIONS[0]), answerer.look(photos[0]).ask(QUESTIONS[0]))
    preloaded = load(sharing, encoder=bundle.network.encoder)
    weight = bundle.network.encoder.trunk[0][0].weight
    assert (
        preloaded.network.encoder is bundle.network.encoder
        and preloaded.network.encoder.trunk[0][0].weight.data_ptr() == weight.data_ptr()
    )
    assert same(preloaded.look(photos[0]).ask(QUESTIONS[0]), answerer.look(photos[0]).ask(QUESTIONS[0]))


def test_an_encoder_that_is_lent_is_left_as_it_is(bundle, sharing, photos):
    """Another request may be using it while the answerer is loaded."""
    tensors = [*bundle.network.encoder.parameters(), *bundle.network.encoder.buffers()]
    before = [(tensor.data_ptr(), tensor._version) for tensor in tensors]
    load(sharing, encoder=bundle.network.encoder)
    assert [(tensor.data_ptr(), tensor._version) for tensor in tensors] == before
    assert bundle.network.encoder.folded_from is None


def test_a_folded_encoder_serves_both(bundle, sharing, photos, tmp_path):
    fast = captioner.load(bundle.save(tmp_path / "folder"))
    assert fast.network.encoder.folded_from
    preloaded = load(sharing, encoder=fast.network.encoder)
    assert preloaded.shares_encoder_with(fast) and preloaded.network.encoder is fast.network.encoder
    assert same(preloaded.look(photos[0]).ask(QUESTIONS[0]), load(sharing).look(photos[0]).ask(QUESTIONS[0]))


def test_a_look_is_its_model_s_whatever_comes_after(model, photos, folder):
    models = {"answerer": load(folder, exact=True)}
    look = models["answerer"].look(photos[0])
    models["answerer"] = small_answerer(answers=["other"])
    assert same(look.ask(QUESTIONS[0]), model.look(photos[0]).ask(QUESTIONS[0]))


def test_a_shared_encoder_that_has_changed_is_refused(bundle, sharing, tmp_path):
    with torch.no_grad():
        bundle.network.encoder.trunk[0][0].weight[0] += 1
    assert not load(sharing).shares_encoder_with(bundle)
    with pytest.raises(ModelError, match=r"was trained on the encoder [0-9a-f]{16} of bundled-captioner, and the one"):
        load(sharing, encoder=bundle.network.encoder)
    bundle.save(tmp_path / "bundled")
    with pytest.raises(ModelError, match="use it with the glimpse it came with, or train it again") as caught:
        load(sharing)
    assert "\n" not in str(caught.value)


def test_a_shared_encoder_of_another_kind_is_refused_as_changed_and_not_as_damage(sharing, monkeypatch):
    """So it is with models of an earlier release, whose bundle had another network, size and number of features."""
    with torch.device("meta"):
        other = ImageEncoder("resnet18", image_size=64)
    weights = {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in other.state_dict().items()}
    monkeypatch.setattr(vqa.torch_engine, "shared_config", lambda name: other.config())
    monkeypatch.setattr(vqa.torch_engine, "shared_tensors", lambda name: weights)
    with pytest.raises(ModelError, match="use it with the glimpse it came with, or train it again"):
        load(sharing)


def test_a_shared_encoder_that_is_missing_is_refused(sharing, monkeypatch, tmp_path):
    monkeypatch.setattr(vqa.shared, "shared_folder", lambda name: tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"nowhere does not exist"):
        load(sharing)


def test_the_shared_folder_is_the_bundled_captioner_s():
    assert vqa.shared.shared_folder(captioner.BUNDLED) == resolve_model(captioner.BUNDLED)


def test_features_of_another_shape_are_refused(model):
    with pytest.raises(SettingError, match=r"shape \(1, 9, 256\), this model needs \(1, 4, 256\)"):
        model.look_at(torch.zeros(1, 9, 256))


def test_an_encoder_of_another_size_is_refused():
    made = small_answerer()
    with pytest.raises(SettingError, match="the encoder is for photos of 32 pixels"):
        vqa.Answerer(made.network, made.vocabulary, AnswerSet(("yes",)), vqa.model.Preprocessing(size=48))
