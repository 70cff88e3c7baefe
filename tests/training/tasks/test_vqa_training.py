"""Training a VQA model: batches, the loss, that it learns what it is shown, resuming, growing, and calibration."""

import json
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from toys import COLOURS, SIDES, coco_folder, square
from vqa_toys import PRE, QUESTIONS, SIZES, answers_to, question_folder, small_answerer

import training.tasks.start_vqa
from encoders.cnn import ImageEncoder
from encoders.text import UNK
from runtime.checkpoint import WEIGHTS, read_tensors
from runtime.device import best_device, bf16_is_fast
from runtime.errors import DataError, SettingError
from training.config.fit import FitSettings
from training.config.task import VqaSettings
from training.loop.fit import fit
from training.loop.task import Epoch
from training.metrics.answers import expected_calibration_error
from training.metrics.evaluate_answers import answer_all, score_answers
from training.readers.records import SPLITS, QuestionRecord
from training.tasks.answer_loss import AnswerLoss, VqaBatch
from training.tasks.calibration import calibrate, confidence, fit_temperature, fit_threshold
from training.tasks.question_data import read_all, read_or_generate
from training.tasks.start_vqa import encoder_for, extend_answerer, new_answerer, share_encoder
from training.tasks.vqa import VqaTask
from vqa import HeadSettings, load

WHOLE = VqaSettings(finetune_encoder=True, encoder_rate=1.0, batch=8, smallest_view=1.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return question_folder(tmp_path_factory.mktemp("questions") / "data")


@pytest.fixture(scope="module")
def records(data):
    return read_all([data]).records


def new(records, seed=0, **sizes):
    torch.manual_seed(0)  # the same encoder whatever the seed, as from a file
    trained = [r for r in records if r.split == "train"]
    encoder = ImageEncoder("tiny", image_size=32)
    return new_answerer(encoder, trained, PRE, HeadSettings(**SIZES | sizes), seed=seed)


def task_of(records, tmp_path, settings=None, epochs=2, answerer=None, **more):
    settings = settings or VqaSettings(batch=8)
    task = VqaTask(answerer or new(records), records, settings, epochs=epochs, seed=1, cache=tmp_path / "cache", **more)
    list(task.prepare())
    return task


def train(task, tmp_path, *, name="run", resume=False, **how):
    how = FitSettings(**{"epochs": task.epochs, "learning_rate": 0.01, "precision": "32"} | how)
    return [r for r in fit(task, how, tmp_path / name, resume=resume) if isinstance(r, Epoch)]


def flat(answerer):
    return torch.cat([t.flatten().double() for t in answerer.network.state_dict().values()])


@pytest.mark.parametrize("wrong", [
    {"batch": 0}, {"most_questions": 0}, {"smoothing": 1.0}, {"blind": -0.1}, {"word_dropout": 1}, {"smallest_view": 0},
    {"views": -1}, {"views": 2, "finetune_encoder": True}, {"views": 2, "start_size": 16, "finetune_encoder": True},
])  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        VqaSettings(**wrong)


def test_a_batch_holds_each_photo_once_with_its_own_questions(records, tmp_path):
    task = task_of(records, tmp_path)
    rows = [task.train_rows[torch.randperm(len(task.train_rows), generator=g)] for g in [torch.Generator()]]
    assert len(rows[0]) == 32 and task.steps == 4
    batch = task.batch(0, 1)
    assert batch.photos.shape == (8, 4, 256) and len(batch) == 24
    for photo, tokens, answers in zip(batch.photos, batch.tokens, batch.answers, strict=True):
        [row] = [r for r in task.train_rows.tolist() if torch.equal(task.source[[r]].float()[0], photo)]
        mine = [task.records[q] for q in task.questions_by_row["train"][row]]
        asked = {task.answerer.vocabulary.decode(t): task.answerer.answers[a[0]]
                 for t, a in zip(tokens.tolist(), answers, strict=True)}  # fmt: skip
        assert asked == {r.question.rstrip("?"): r.answers[0] for r in mine}
        assert {r.split for r in mine} == {"train"} and len({r.image for r in mine}) == 1
    assert torch.equal(task.batch(0, 1).photos, batch.photos), "always the same for the same step"
    assert not torch.equal(task.batch(1, 1).photos, batch.photos), "another order in the next epoch"


@pytest.mark.parametrize("a, b", [(1, 1), (2, 1), (0.5, 3)])
def test_weights_say_how_often_an_epoch_shows_a_photo(records, tmp_path, a, b):
    photos = sorted({r.image for r in records if r.split == "train"})
    half = set(photos[: len(photos) // 4])
    both = [replace(r, data_set="a" if r.image in half else "b") for r in records]
    task = task_of(both, tmp_path, weights={"a": a, "b": b})
    shown = Counter(int(row) for epoch in (0, 1) for row in task._order(epoch))
    of_set = {name: [row for path, row in task.row_of.items() if path in photos and (path in half) == (name == "a")]
              for name in "ab"}  # fmt: skip
    for name, weight in (("a", a), ("b", b)):
        assert sum(shown[row] for row in of_set[name]) == 2 * round(weight * len(of_set[name]))
    assert task.steps == -(-shown.total() // 2 // 8) and len(task.batch(0, task.steps - 1)) > 0
    assert (
        task.fingerprint()["weights"] == {"a": a, "b": b} and "weights" not in task_of(records, tmp_path).fingerprint()
    )


def test_a_photo_with_many_questions_brings_others_every_epoch(records, tmp_path):
    task = task_of(records, tmp_path, VqaSettings(batch=32, most_questions=2))
    first, second = task.batch(0, 0), task.batch(1, 0)
    assert first.lengths.shape == (32, 2) and len(first) == 64
    assert first.lengths.sum() != second.lengths.sum()
    assert len(task.predict("val").answers) == 24, "validation asks them all"


def test_many_questions_of_a_photo_stand_in_several_rows_unless_the_encoder_is_trained(records, tmp_path):
    image = next(r.image for r in records if r.split == "train")
    more = [QuestionRecord(image, f"more-{n}", QUESTIONS[0], ("red",), "train") for n in range(17)]
    task = task_of([*records, *more], tmp_path, VqaSettings(batch=32))
    batch = task.batch(0, 0)
    assert batch.lengths.shape == (34, 8) and len(batch) == batch.all_questions == 32 * 3 + 17
    own = task.source[[task.row_of[image]]].float()[0]
    rows = [n for n, photo in enumerate(batch.photos) if torch.equal(photo, own)]
    assert sorted(batch.valid[rows].sum(1).tolist()) == [4, 8, 8]
    parts = [task.batch(0, 0, slice(n, None, 2)) for n in (0, 1)]
    assert sum(map(len, parts)) == len(batch) and {part.all_questions for part in parts} == {len(batch)}
    assert torch.equal(parts[1].photos, batch.photos[1::2]) and torch.equal(parts[1].tokens, batch.tokens[1::2])
    trained = task_of([*records, *more], tmp_path, VqaSettings(batch=32, finetune_encoder=True)).batch(0, 0)
    assert trained.lengths.shape == (32, 20) and len(trained) == len(batch)


def test_questions_of_different_numbers_are_padded_and_change_nothing(records, tmp_path):
    few = [r for r in records if "red-left" not in r.image.name or r.question == QUESTIONS[0]]
    task = task_of(few, tmp_path, VqaSettings(batch=32, blind=0.0), answerer=new(few, dropout=0.0))
    batch = task.batch(0, 0)
    assert batch.lengths.shape == (32, 3) and len(batch) == 32 * 3 - 4 * 2
    loss = task.model(batch)
    keep = [(p, q) for p in range(32) for q in range(3) if batch.valid[p, q]]
    block = (batch.tokens, batch.lengths, batch.answers, batch.soft_targets)
    alone = [task.model(VqaBatch(batch.photos[p : p + 1], *(x[p : p + 1, q : q + 1] for x in block))) for p, q in keep]
    assert loss.item() == pytest.approx(torch.stack(alone).mean().item(), abs=1e-5)


def test_an_epoch_trains_on_the_next_of_the_cached_views_and_validates_on_the_photo(records, tmp_path):
    task = task_of(records, tmp_path, VqaSettings(batch=32, views=2))
    plain = task_of(records, tmp_path, VqaSettings(batch=32))

    def features(task, epoch):  # as a set: an epoch has its own order
        batches = [task.batch(epoch, step).photos for step in range(task.steps)]
        return {tuple(photo.flatten().tolist()) for photo in torch.cat(batches)}

    first, second, third = (features(task, epoch) for epoch in range(3))
    assert first == third and not first & second
    assert not first & features(plain, 0) and features(plain, 0) == features(plain, 1)
    held_out = torch.tensor(list(task.questions_by_row["val"]))
    assert torch.equal(task.source[held_out], plain.source[held_out])


def test_the_loss_is_the_cross_entropy_against_what_answers_are_worth(tmp_path):
    answerer = small_answerer(dropout=0.0)
    photos = torch.randn(1, 4, 256)
    tokens, lengths = torch.tensor([[[4, 5], [6, 0]]]), torch.tensor([[2, 1]])
    batch = VqaBatch(
        photos,
        tokens,
        lengths,
        answers=torch.tensor([[[2, 0], [7, 0]]]),
        soft_targets=torch.tensor([[[0.75, 0.25], [1.0, 0.0]]]),
    )
    logits, _ = answerer.network(photos, tokens, lengths)
    log_p = logits.log_softmax(2)[0]
    plain = -(0.75 * log_p[0, 2] + 0.25 * log_p[0, 0] + log_p[1, 7]) / 2
    assert AnswerLoss(answerer.network)(batch).item() == pytest.approx(plain.item())
    smooth = 0.8 * plain - 0.2 * log_p.mean()
    assert AnswerLoss(answerer.network, smoothing=0.2)(batch).item() == pytest.approx(smooth.item())


def test_ten_answers_become_soft_targets(data, tmp_path):
    image = next(data.glob("train-*.png"))
    people = ("red",) * 5 + ("blue",) * 2 + ("left",) * 3
    ten = [QuestionRecord(image, f"q{split}", "what?", people, split) for split in ("train", "val")]
    task = task_of(ten, tmp_path, VqaSettings(batch=1), answerer=small_answerer())
    batch = task.batch(0, 0)
    names = [task.answerer.answers[answer] for answer in batch.answers[0, 0].tolist()]
    worth = dict(zip(names, batch.soft_targets[0, 0].tolist(), strict=True))
    assert worth == pytest.approx({"red": 3 / 8, "left": 3 / 8, "blue": 2 / 8})


def test_word_dropout_replaces_words_and_never_padding():
    answerer = small_answerer()
    seen = []
    answerer.network.forward = lambda _, tokens, lengths, blind: seen.append(tokens) or (torch.zeros(1, 1, 8), None)
    tokens = torch.full((1, 1, 400), 5)
    tokens[..., 200:] = 0
    batch = VqaBatch(torch.randn(1, 4, 256), tokens, torch.tensor([[200]]), torch.tensor([[[0]]]), torch.ones(1, 1, 1))
    AnswerLoss(answerer.network, word_dropout=0.5)(batch)
    lost = seen[0][0, 0] == UNK
    assert 50 < lost[:200].sum() < 150 and not lost[200:].any()


def test_it_learns_what_it_is_shown_end_to_end(records, tmp_path):
    task = task_of(records, tmp_path, WHOLE, epochs=10, splits=("train", "val", "test"))
    scores = train(task, tmp_path)[-1].scores
    assert scores["accuracy"] == 100 and scores["ece"] < 0.1
    assert scores["question_only_accuracy"] <= 60, "without the photo it can only guess"
    assert task.scores("test")["accuracy"] == 100

    answerer = load(tmp_path / "run")
    for colour in COLOURS:
        for side in SIDES:
            texts = answerer.look(square(colour, side, 25)).ask_all(QUESTIONS)
            assert [answers[0].text for answers in texts] == answers_to(colour, side)
    test = [r for r in records if r.split == "test"]
    scores_of_all = score_answers([a for photo in answer_all(answerer, test) for a in photo])
    assert (
        scores_of_all["questions"] == 24
        and scores_of_all["accuracy"] == 100
        and scores_of_all["question_only_accuracy"] <= 60
    )
    assert scores_of_all["per_type"] == {"is": 100, "on": 100, "what": 100}


def test_the_question_only_twin_cannot(records, tmp_path):
    task = task_of(records, tmp_path, WHOLE, epochs=5, answerer=new(records, photo=False))
    scores = train(task, tmp_path)[-1].scores
    # one colour of four, one side of two, and "no" three times of four
    assert scores["accuracy"] == scores["question_only_accuracy"] <= 51


def test_a_frozen_encoder_does_not_move_and_the_rest_does(records, tmp_path):
    task = task_of(records, tmp_path)
    before = {name: t.clone() for name, t in task.answerer.network.state_dict().items()}
    train(task, tmp_path)
    same = {name: torch.equal(t, before[name]) for name, t in task.answerer.network.state_dict().items()}
    assert all(same[name] for name in same if name.startswith("encoder."))
    assert not any(same[name] for name in same if name.startswith(("question.", "head.")))


def test_bfloat16_is_refused_where_there_is_none(records, tmp_path, monkeypatch):
    monkeypatch.setattr("training.loop.fit.bf16_is_fast", lambda device: False)
    with pytest.raises(SettingError, match="no bfloat16; choose --precision auto or 32"):
        train(task_of(records, tmp_path), tmp_path, precision="bf16")


@pytest.mark.skipif(not bf16_is_fast(best_device()), reason="this processor has no bfloat16")
@pytest.mark.parametrize("encoder", ["tiny", "efficientnet_lite0"])
def test_bfloat16_trains_too(records, tmp_path, encoder):
    trained = [r for r in records if r.split == "train"]
    answerer = new_answerer(ImageEncoder(encoder, stride=16, image_size=32), trained, PRE, HeadSettings(**SIZES))
    task = task_of(records, tmp_path, WHOLE, epochs=1, answerer=answerer)
    [epoch] = train(task, tmp_path, precision="bf16")
    assert torch.isfinite(flat(task.answerer)).all() and 0 <= epoch.scores["accuracy"] <= 100


@pytest.mark.parametrize("settings", [
    VqaSettings(batch=8, blind=0.3, word_dropout=0.2, most_questions=2),
    VqaSettings(batch=8, finetune_encoder=True, mirror=True),
])  # fmt: skip
def test_a_resumed_run_is_the_run_that_was_never_stopped(records, tmp_path, settings):
    whole = task_of(records, tmp_path, settings)
    train(whole, tmp_path, name="whole")
    task, stop = task_of(records, tmp_path, settings), 5
    batch = task.batch
    task.batch = lambda epoch, step, part: batch(epoch, step, part) if epoch * task.steps + step < stop else 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(task, tmp_path, name="parts", save_minutes=0)
    rest = task_of(records, tmp_path, settings, answerer=new(records, seed=5))
    train(rest, tmp_path, name="parts", resume=True)
    assert torch.equal(flat(whole.answerer), flat(rest.answerer))
    configs = [json.loads((tmp_path / name / "last" / "config.json").read_text()) for name in ("whole", "parts")]
    assert configs[0] == configs[1]


def test_a_photo_that_cannot_be_opened_is_left_out(records, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("not a photo")
    more = [QuestionRecord(bad, f"bad-{split}", QUESTIONS[0], ("red",), split) for split in ("train", "val")]
    task = task_of([*records, *more], tmp_path)
    assert [*task.source.bad] == [task.row_of[bad]] and task.row_of[bad] not in task.train_rows
    assert len(task.predict("val").answers) == 24


def test_an_answer_outside_the_set_teaches_nothing_and_counts_as_wrong(records, tmp_path):
    [train_one] = [r for r in records if r.split == "train" and r.question == QUESTIONS[0]][:1]
    [val_one] = [r for r in records if r.split == "val" and r.question == QUESTIONS[0]][:1]
    answerer = new(records)
    strange = [QuestionRecord(r.image, f"s{r.split}", "what else?", ("zebra",), r.split) for r in (train_one, val_one)]
    task = task_of([*records, *strange], tmp_path, answerer=answerer)
    assert sum(len(task.batch(0, step)) for step in range(task.steps)) == 96
    given = task.predict("val")
    assert len(given.answers) == 25
    worth = dict(zip((r.question_id for r in given.records), given.accuracies(given.answers).tolist(), strict=True))
    assert worth["sval"] == 0


def test_data_without_a_split_is_refused(records, tmp_path):
    only_train = [r for r in records if r.split == "train"]
    with pytest.raises(DataError, match="no val photo"):
        task_of(only_train, tmp_path)


# Calibration


def overconfident(n=4000):
    """Logits of a model whose top answer's probability should have been at a temperature of 3, and who was right."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(n, 6, generator=random) * 6
    drawn = torch.multinomial(torch.softmax(logits / 3, 1), 1, generator=random).squeeze(1)
    return logits, (drawn == logits.argmax(1)).float()


def test_the_temperature_makes_probabilities_honest():
    logits, correct = overconfident()
    temperature = fit_temperature(logits, correct)
    assert temperature == pytest.approx(3, rel=0.1)
    before, after = (
        expected_calibration_error(confidence(logits, t).tolist(), correct.tolist()) for t in (1, temperature)
    )
    assert before > 0.1 > 0.03 > after


def test_the_threshold_is_where_three_of_four_answers_are_right():
    logits, correct = overconfident(20_000)
    assert fit_threshold(confidence(logits, 3.0), correct) == pytest.approx(3 / 4, abs=0.06)
    probability = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.3])
    assert 0.7 < fit_threshold(probability, torch.tensor([1.0, 1, 0, 0, 0])) <= 0.8
    assert fit_threshold(probability, torch.ones(5)) == 0.3
    assert fit_threshold(probability + 0.05, torch.zeros(5)) > 0.95
    assert fit_threshold(torch.tensor([0.99, 0.98]), torch.ones(2)) == 0.75, "nothing better is known"


def test_calibration_draws_from_all_questions_by_seed(records, tmp_path, monkeypatch):
    task = task_of(records, tmp_path)
    task.model.eval()
    whole = task.predict("val")
    assert whole.drawn.all() and len(whole.logits) == 24
    monkeypatch.setattr("training.tasks.vqa.CALIBRATION_QUESTIONS", 8)
    few, again = task.predict("val"), task.predict("val")
    assert few.drawn.sum() == len(few.logits) == 8 and few.drawn[8:].any(), "not the first ones"
    torch.testing.assert_close(few.logits, whole.logits[few.drawn])
    assert torch.equal(few.drawn, again.drawn)
    task.seed = 2
    assert not torch.equal(task.predict("val").drawn, few.drawn)


# Where a model starts


def test_a_grown_answerer_keeps_what_it_knew_and_meets_new_words_and_answers_at_the_mean(data, tmp_path):
    before = small_answerer()
    before.save(tmp_path / "m")
    image = next(data.glob("*.png"))
    more = [QuestionRecord(image, str(n), "is the zebra red?", ("stripes",), "train") for n in range(2)]
    after = extend_answerer(tmp_path / "m", more, min_count=2, min_answers=2)
    after.network.eval()
    assert after.vocabulary.tokens == (*before.vocabulary.tokens, "zebra")
    assert after.answers.answers == (*before.answers.answers, "stripes")
    for name in ("question.embedding.weight", "head.output.weight", "head.output.bias"):
        old, new_ = before.network.state_dict()[name], after.network.state_dict()[name]
        assert torch.equal(new_[:-1], old) and torch.allclose(new_[-1], old.mean(0))
    larger = extend_answerer(tmp_path / "m", [], image_size=48)
    assert larger.network.encoder.grid == (3, 3) and torch.equal(flat(larger), flat(before))


def test_the_default_encoder_is_the_bundled_captioner_s_and_can_be_shared(bundle, monkeypatch, tmp_path, records):
    folder = tmp_path / "bundled"
    monkeypatch.setattr(training.tasks.start_vqa, "resolve_model", lambda name: folder)
    encoder, preprocessing = encoder_for(None, None, stride=None, image_size=None, fit=None)
    assert preprocessing == PRE
    made = new_answerer(encoder, [r for r in records if r.split == "train"], preprocessing, HeadSettings(**SIZES))
    share_encoder(made)
    saved = made.save(tmp_path / "m")
    assert not any(name.startswith("encoder.") for name in read_tensors(saved / WEIGHTS))
    assert load(saved).shares_encoder_with(bundle)

    larger, preprocessing = encoder_for(None, None, stride=None, image_size=48, fit="pad")
    assert (larger.grid, preprocessing.size, preprocessing.fit) == ((3, 3), 48, "pad")
    other = new_answerer(larger, [r for r in records if r.split == "train"], preprocessing, HeadSettings(**SIZES))
    with pytest.raises(SettingError, match="is not the one of bundled-captioner at 32 pixels"):
        share_encoder(other)


# Data


def test_several_data_sets_and_captions_become_one(data, tmp_path):
    captions = coco_folder(tmp_path / "captions")
    for file in captions.glob("*.json"):
        file.write_text(re.sub("a (red|green|blue|yellow) square", r"a \1 dog", file.read_text()))
    both = read_all([data, captions])
    assert both.formats == ["table", "questions from coco"]
    assert {(r.data_set, r.image.is_relative_to(captions)) for r in both.records} == {
        ("data", False),
        ("captions", True),
    }
    assert {r.data_set for r in read_all([data]).records} == {""}
    with pytest.raises(DataError, match="is given twice"):
        read_all([data, data])
    assert {r.image.parent for r in both.records} >= {data, captions / "train"}
    assert any("questions (questions from coco)" in remark for remark in both.remarks)
    assert {r.split for r in both.records} == {"train", "val", "test"}


def test_questions_are_made_from_captions_too_where_there_are_both(tmp_path):
    rows = [{"image": f"{s}.png", "question": "what is it?", "answer": "dog", "split": s} for s in SPLITS]
    with table(tmp_path / "both", rows) as folder:
        texts = "".join(f"{s}.png,a red dog runs,{s}\n" for s in SPLITS)
        (folder / "captions.csv").write_text("image,caption,split\n" + texts)
        for shade, split in enumerate(SPLITS):  # or a photo of train would be held out as the same one
            square("red", "left", shade).save(folder / f"{split}.png")
    alone, both = (read_all([folder], generate=generate) for generate in (False, True))
    assert [r.question for r in alone.records] == ["what is it?"] * 3 == [r.question for r in both.records][:3]
    assert {r.split for r in both.records[3:]} == set(SPLITS) and both.format == "table+captions"
    assert len({r.question_id for r in both.records}) == len(both.records) > 6
    with table(tmp_path / "only", rows) as folder:
        assert read_all([folder], generate=True).format == "table"


@contextmanager
def table(folder, rows):
    folder.mkdir()
    for row in rows:
        square("red", "left").save(folder / row["image"])
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    yield folder


def test_missing_splits_and_endless_questions_are_told(tmp_path):
    rows = [{"image": f"{n}.png", "question": "what?", "answer": "a"} for n in range(9)]
    with table(tmp_path / "unsplit", rows) as folder:
        found = read_all([folder])
    assert {r.split for r in found.records} == {"train", "val", "test"}
    assert any("its test and val split was made" in remark for remark in found.remarks)
    rows = [{"image": "1.png", "question": q, "answer": "a", "split": s}
            for q, s in (("what?", "train"), ("why?", "val"), ("x" * 2000, "train"))]  # fmt: skip
    with table(tmp_path / "endless", rows) as folder:
        found = read_all([folder])
    assert len(found.records) == 2
    assert any("1 questions are too long to be asked" in remark for remark in found.remarks)


def test_captions_that_give_no_question_do_not_take_the_questions_that_are_there(tmp_path):
    rows = [{"image": f"{s}.png", "question": "what is it?", "answer": "dog", "split": s} for s in SPLITS]
    with table(tmp_path / "both", rows) as folder:
        (folder / "captions.csv").write_text(
            "image,caption,split\n" + "".join(f"{s}.png,ein Hund,{s}\n" for s in SPLITS)
        )
        found = read_or_generate(folder, generate=True)
        assert len(found.records) == 3 and found.problems.counts == {"captions of data sets give no question": 1}
        with pytest.raises(DataError, match="give no question"):
            read_or_generate(folder, "captions")


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DataError, match="no data set of questions that is known"):
        read_all([tmp_path])
    with pytest.raises(DataError, match="captions"):
        read_all([tmp_path], "captions")
    with pytest.raises(SettingError, match="format 'xml' is not known"):
        read_all([tmp_path], "xml")


def test_scores_need_an_answer_to_compare_with(data):
    image = next(data.glob("*.png"))
    asked = [QuestionRecord(image, "1", "what?", (), "test")]
    with pytest.raises(DataError, match="no question of this split has an answer"):
        score_answers([a for photo in answer_all(small_answerer(), asked) for a in photo])


def test_a_model_is_calibrated_on_questions_as_training_does_it(records, tmp_path):
    task = task_of(records, tmp_path)
    train(task, tmp_path)
    model = load(tmp_path / "run" / "last", exact=True)
    validated = task_of(records, tmp_path, answerer=model)
    validated.validate()
    chosen = (model.temperature, model.threshold)
    model.temperature, model.threshold = 9.0, 0.01
    assert calibrate(model, [r for r in records if r.split == "val"]) == chosen
    with pytest.raises(DataError, match="no question with an answer"):
        calibrate(model, [replace(r, answers=()) for r in records])
