"""Every option changes something: the loss of a step, what is trained, the sizes of a model, how it is validated."""

from dataclasses import asdict, replace

import pytest
import torch
from captioner_toys import new
from PIL import Image
from toys import captions_of, coco_folder
from vqa_toys import QUESTIONS, question_folder, small_answerer

import captioner
from captioner.search_settings import SearchSettings
from encoders.inference import encoder_fingerprint
from training.caches.augment import random_views
from training.config.model import CaptionerModel, VqaModel
from training.config.task import CaptionSettings, EncoderSettings, VqaSettings
from training.loop.seed import generator
from training.readers import read_captions
from training.readers.questions import read_questions
from training.readers.records import QuestionRecord
from training.tasks.captioner import CaptionTask
from training.tasks.encoder import EncoderTask
from training.tasks.start import start_captioner
from training.tasks.start_vqa import start_answerer
from training.tasks.vqa import VqaTask

TUNED = {"finetune_encoder": True}
CIDER = {"objective": "cider", "samples": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def caption_task(folder):
    records = read_captions(coco_folder(folder / "coco")).records

    def make(**settings):
        settings = CaptionSettings(**{"batch": 8, "beam": 1} | settings)
        return CaptionTask(new(records), records, settings, epochs=4, seed=1, cache=folder / "cache")

    return make


@pytest.fixture(scope="module")
def vqa_task(folder):
    records = read_questions(question_folder(folder / "questions")).records

    def make(**settings):
        settings = VqaSettings(**{"batch": 8} | settings)
        return VqaTask(small_answerer(), records, settings, epochs=4, seed=1, cache=folder / "cache")

    return make


def loss_of(task) -> float:
    """The loss of a step in the second of four epochs."""
    batch = task.batch(1, 0)
    torch.manual_seed(0)
    task.model.train()
    return task.model(batch).item()


@pytest.mark.parametrize("base, option", [
    ({}, {"smoothing": 0.3}), ({}, {"look_everywhere": 0.5}), ({}, {"word_dropout": 0.5}),
    ({}, {"scheduled_sampling": 0.9}), ({}, {"most_captions": 1}), ({}, {"batch": 4}), ({}, TUNED), ({}, CIDER),
    (TUNED, {"mirror": False}), (TUNED, {"smallest_view": 0.1}), (TUNED, {"start_size": 16}),
    (TUNED, {"trainable_layers": 1}), (CIDER, {"samples": 4}),
])  # fmt: skip
def test_an_option_of_a_captioner_s_training_changes_the_loss(caption_task, base, option):
    assert loss_of(caption_task(**base)) == loss_of(caption_task(**base)) != loss_of(caption_task(**base | option))


@pytest.mark.parametrize("base, option", [
    ({}, {"smoothing": 0.3}), ({}, {"blind": 0.9}), ({}, {"word_dropout": 0.5}), ({}, {"most_questions": 1}),
    ({}, {"batch": 4}), ({}, TUNED), (TUNED, {"mirror": True}), (TUNED, {"smallest_view": 0.1}),
    (TUNED, {"start_size": 16}),
])  # fmt: skip
def test_an_option_of_a_vqa_model_s_training_changes_the_loss(vqa_task, base, option):
    assert loss_of(vqa_task(**base)) == loss_of(vqa_task(**base)) != loss_of(vqa_task(**base | option))


@pytest.mark.parametrize("make", ["caption_task", "vqa_task"])
def test_the_encoder_has_a_rate_of_its_own(request, make):
    task = request.getfixturevalue(make)(**TUNED, encoder_rate=0.3)
    rates = {name: task.lr_scale(name) for name, p in task.model.named_parameters() if p.requires_grad}
    trunk = [name for name in rates if "trunk" in name]
    assert trunk and all(rate == (0.3 if name in trunk else 1.0) for name, rate in rates.items())


def test_trainable_layers_are_the_last_ones(caption_task):
    trained = {layers: sum(p.requires_grad for p in caption_task(**TUNED, trainable_layers=layers).model.parameters())
               for layers in (0, 1, 2)}  # fmt: skip
    assert trained[1] < trained[2] < trained[0]


def test_validation_searches_with_the_beam(caption_task):
    task, seen = caption_task(beam=4), []
    describe = task.captioner.describe
    task.captioner.describe = lambda features, settings: seen.append(settings) or describe(features, settings)
    list(task.prepare())
    task.captions(task.val_rows)
    assert seen == [SearchSettings(beam=4)]


def test_views_are_stretched():
    photo = torch.arange(3 * 32 * 32).reshape(1, 3, 32, 32) % 255
    plain, stretched = (random_views(photo, 32, generator("x"), smallest=0.5, max_ratio=s) for s in (1.0, 2.0))
    assert not torch.allclose(plain, stretched)


def shape_of(model) -> tuple:
    """All that the options of a model decide."""
    shapes = {name: tuple(t.shape) for name, t in model.network.state_dict().items()}
    answers = getattr(model, "answers", None)
    return (shapes, asdict(model.network.settings), asdict(model.preprocessing), model.network.encoder.config(),
            model.vocabulary, answers and answers.answers)  # fmt: skip


SIZES = {"encoder": "tiny", "image_size": 32, "min_count": 1, "hidden": 12, "embedding": 12, "attention": 12,
         "layers": 2}  # fmt: skip
CHANGES = [
    {"encoder": "compact"}, {"stride": 8}, {"image_size": 64}, {"fit": "pad"}, {"cell": "gru"}, {"layers": 3},
    {"hidden": 7}, {"embedding": 7}, {"attention": 7}, {"unit": "character"}, {"min_count": 9}, {"max_size": 6},
    {"dropout": 0.7}, {"variant": "coupled"}, {"forget_bias": 3.0}, {"highway": True}, {"init": "orthogonal"},
    {"initial_state": "learnt"}, {"truncate": 3},
]  # fmt: skip


@pytest.mark.parametrize("change", [*CHANGES, {"projection": 5}])
def test_an_option_of_a_captioner_changes_it(change):
    texts = [text for side in ("left", "right") for text in captions_of("red", side) * 3] + captions_of("blue", "left")
    before, after = (start_captioner(CaptionerModel(**SIZES | c), texts, seed=1) for c in ({}, change))
    assert shape_of(before) != shape_of(after)


@pytest.mark.parametrize("change", [
    *CHANGES, {"pooling": "mean"}, {"fusion": "product"}, {"fused": 7}, {"photo": False}, {"most_answers": 1},
    {"min_answers": 3},
])  # fmt: skip
def test_an_option_of_a_vqa_model_changes_it(change, folder):
    records = [QuestionRecord(folder, str(n), QUESTIONS[n % 3], (answer,), "train")
               for n, answer in enumerate(["red"] * 10 + ["blue"] * 2)]  # fmt: skip
    small = SIZES | {"fused": 12}
    before, after = (start_answerer(VqaModel(**small | c), records, seed=1) for c in ({}, change))
    assert shape_of(before) != shape_of(after)


def test_a_new_vqa_model_may_have_any_trained_encoder_and_share_the_bundled_captioner_s(bundle, folder):
    records = [QuestionRecord(folder, "1", QUESTIONS[0], ("red",), "train")]
    small = VqaModel(encoder_weights=str(bundle.folder), min_answers=1, hidden=8, embedding=8, attention=8, fused=8)
    made, shared = (start_answerer(replace(small, share_encoder=how), records, seed=1) for how in (False, True))
    assert encoder_fingerprint(made.network.encoder) == bundle.network.encoder_fingerprint
    assert (made.encoder_from, shared.encoder_from) == (None, captioner.BUNDLED)


@pytest.mark.parametrize("change", [
    {"smoothing": 0.0}, {"smallest_view": 1.0}, {"hold_out": 0.5}, {"start_size": 16}, {"stride": 8}, {"fit": "pad"},
    {"image_size": 48}, {"batch": 4}, {"encoder": "compact"},
])  # fmt: skip
def test_an_option_of_pretraining_changes_the_loss(folder, change):
    for n in range(2 * 8):
        path = folder / "classes" / f"class {n % 2}" / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 28), 20 + 10 * n).convert("RGB").save(path)
    base = {"encoder": "tiny", "image_size": 32, "batch": 6, "hold_out": 0.2}
    tasks = [EncoderTask(folder / "classes", EncoderSettings(**base | c), epochs=4, seed=1, cache=folder / "cache")
             for c in ({}, change)]  # fmt: skip
    for task in tasks:
        list(task.photos.fill())
    assert loss_of(tasks[0]) != loss_of(tasks[1])
