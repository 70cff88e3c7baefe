"""Training a captioner: batches, losses, that it learns what it is shown, resuming, growing, and CIDEr optimisation."""

import pytest
import torch
from captioner_toys import PRE, new
from torch.nn.functional import cross_entropy
from toys import coco_folder

from captioner import DecoderSettings
from captioner.search_settings import SearchSettings
from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.text import END, START, UNK
from runtime.device import best_device, bf16_is_fast
from runtime.errors import DataError, ModelError, SettingError
from training.config.fit import FitSettings
from training.config.task import CaptionSettings
from training.loop.fit import fit
from training.loop.task import Epoch
from training.readers import read_captions
from training.tasks.caption_batch import CaptionBatch, caption_tokens
from training.tasks.caption_losses import LikelihoodLoss, SelfCriticalLoss
from training.tasks.captioner import CaptionTask
from training.tasks.start import extend_captioner, new_captioner, start_encoder, starting_preprocessing


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return coco_folder(tmp_path_factory.mktemp("coco"))


@pytest.fixture
def records(data):
    return read_captions(data).records


def train(records, tmp_path, *, settings=None, epochs=2, captioner=None, name="run", resume=False, **how):
    captioner = captioner or new(records)
    settings = settings or CaptionSettings(batch=8, beam=1)
    task = CaptionTask(captioner, records, settings, epochs=epochs, seed=1, cache=tmp_path / "cache")
    list(task.prepare())
    how = FitSettings(**{"epochs": epochs, "learning_rate": 0.01, "precision": "32"} | how)
    return task, [r for r in fit(task, how, tmp_path / name, resume=resume) if isinstance(r, Epoch)]


def flat(captioner):
    return torch.cat([t.flatten().double() for t in captioner.network.state_dict().values()])


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "bleu"},
        {"objective": "cider", "word_dropout": 0.1},
        {"samples": 1},
        {"smoothing": 1.0},
        {"word_dropout": -0.1},
        {"smallest_view": 0},
        {"most_captions": 0},
        {"trainable_layers": -1},
        {"views": -1},
        {"views": 2, "finetune_encoder": True},
        {"views": 2, "start_size": 16},
        {"batch": 0},
        {"beam": 0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingError):
        CaptionSettings(**wrong)


def test_captions_are_framed_padded_and_put_longest_first():
    tokens, lengths, order = caption_tokens([[[5], [6, 7, 8]], [[9, 9, 9, 9], [4]], [[5, 5]]])
    assert order == [1, 0, 2]
    assert lengths.tolist() == [[6, 3], [5, 3], [4, 0]]
    assert tokens[1, 0].tolist() == [START, 6, 7, 8, END, 0] and not tokens[2, 1].any()


def test_a_step_takes_so_many_captions_of_a_photo(records, tmp_path):
    settings = CaptionSettings(batch=8, beam=1, most_captions=1)
    task, _ = train(records, tmp_path, epochs=1, settings=settings)
    batches = [task.batch(epoch, 0) for epoch in range(8)]
    assert all(batch.tokens.shape[1] == 1 for batch in batches)
    drawn = {(row, tuple(tokens[0].tolist())) for batch in batches
             for row, tokens in zip(batch.rows.tolist(), batch.tokens, strict=True)}  # fmt: skip
    assert len(drawn) > len({row for row, _ in drawn})  # another one in another epoch
    assert torch.equal(task.batch(3, 0).tokens, batches[3].tokens)


def test_a_batch_holds_each_photo_s_own_captions(records, tmp_path):
    task, _ = train(records, tmp_path, epochs=1)
    batch = task.batch(0, 1)
    assert torch.equal(batch.photos, task.source[batch.rows].float())
    for row, tokens in zip(batch.rows.tolist(), batch.tokens, strict=True):
        said = {task.captioner.vocabulary.decode(t) for t in tokens.tolist()}
        assert said == {c.replace(",", "") for c in task.records[row].captions}
        assert task.records[row].split == "train"
    seen = torch.cat([task.batch(0, step).rows for step in range(task.steps)])
    assert sorted(seen.tolist()) == task.train_rows.tolist(), "every photo once an epoch"
    assert not torch.equal(task.batch(1, 1).rows, batch.rows), "another order in the next epoch"
    assert torch.equal(task.batch(0, 1).rows, batch.rows), "but always the same for the same step"


@pytest.mark.parametrize("finetune", [False, True])
def test_the_parts_of_a_batch_are_the_batch_and_their_losses_add_up(records, tmp_path, finetune):
    captioner = new(records, DecoderSettings(32, 32, 16, dropout=0.0))
    settings = CaptionSettings(batch=10, finetune_encoder=finetune, look_everywhere=0.5)
    task = CaptionTask(captioner, records, settings, epochs=1, seed=1, cache=tmp_path / "cache")
    list(task.prepare())
    task.model.eval()  # a batch normalisation would see the parts apart
    whole, parts = task.batch(0, 1), [task.batch(0, 1, slice(n, None, 4)) for n in range(4)]
    for n, part in enumerate(parts):
        torch.testing.assert_close(part.photos, whole.photos[n::4])
        assert torch.equal(part.tokens, whole.tokens[n::4]) and torch.equal(part.rows, whole.rows[n::4])
    assert sum(map(len, parts)) == len(whole) == 20
    assert sum(task.model(part).item() for part in parts) == pytest.approx(task.model(whole).item())
    assert len(task.batch(0, 1, slice(10, None, 4))) == 0, "more parts than photos"


def test_the_loss_is_the_mean_cross_entropy_of_words_and_ends(records):
    captioner = new(records, DecoderSettings(32, 32, 16, dropout=0.0))
    tokens, lengths, _ = caption_tokens([[[4, 5], [6]], [[7, 8, 9]]])
    batch = CaptionBatch(torch.randn(2, 4, 256), tokens, lengths, torch.arange(2))
    logits, looked = captioner.network.decoder(batch.photos, tokens, lengths)
    words = torch.tensor([7, 8, 9, END, 4, 5, END, 6, END])  # the photo with the longest caption first
    plain = cross_entropy(logits, words)
    assert LikelihoodLoss(captioner.network)(batch).item() == pytest.approx(plain.item())
    penalty = ((1 - looked[torch.tensor([[True, False], [True, True]])]) ** 2).mean()
    loss = LikelihoodLoss(captioner.network, look_everywhere=0.5)(batch)
    assert loss.item() == pytest.approx((plain + 0.5 * penalty).item())


def test_it_learns_to_say_what_it_sees_end_to_end(records, tmp_path):
    settings = CaptionSettings(
        finetune_encoder=True, encoder_rate=1.0, batch=8, smallest_view=0.9, mirror=False, smoothing=0.0, beam=2
    )
    task, epochs = train(records, tmp_path, settings=settings, epochs=30, learning_rate=0.004)
    last = epochs[-1].scores
    assert last["cider"] > 200 and last["distinct"] > 0.5 and last["commonest"] < 0.3
    assert last["shuffled_cider"] < last["cider"] / 2
    assert not {"collapse", "shuffled"} & {alarm.name for alarm in task.alarms(last)} and not task.alarms(None)
    assert (tmp_path / "run" / "best" / "model.safetensors").exists()


def test_a_frozen_encoder_does_not_move_and_the_decoder_does(records, tmp_path):
    captioner = new(records)
    before = {name: t.clone() for name, t in captioner.network.state_dict().items()}
    train(records, tmp_path, captioner=captioner)
    same = {name: torch.equal(t, before[name]) for name, t in captioner.network.state_dict().items()}
    assert all(same[name] for name in same if name.startswith("encoder."))
    assert not any(same[name] for name in same if name.startswith("decoder."))


@pytest.mark.parametrize("settings", [
    CaptionSettings(batch=8, beam=1, word_dropout=0.2, scheduled_sampling=0.5),
    CaptionSettings(batch=8, beam=1, finetune_encoder=True),
    CaptionSettings(batch=8, beam=1, finetune_encoder=True, trainable_layers=2, views=2),
    CaptionSettings(batch=8, beam=1, objective="cider", samples=3),
    CaptionSettings(batch=8, beam=1, objective="cider", samples=3, finetune_encoder=True, trainable_layers=2, views=2),
])  # fmt: skip
def test_a_resumed_run_is_the_run_that_was_never_stopped(records, tmp_path, settings):
    whole, _ = train(records, tmp_path, settings=settings, name="whole")
    task, stop = CaptionTask(new(records), records, settings, epochs=2, seed=1, cache=tmp_path / "cache"), 4
    batch = task.batch
    task.batch = lambda epoch, step, part: batch(epoch, step, part) if epoch * task.steps + step < stop else 1 / 0
    with pytest.raises(ZeroDivisionError):
        list(fit(task, FitSettings(epochs=2, learning_rate=0.01, precision="32", save_minutes=0), tmp_path / "parts"))
    replaced = settings.finetune_encoder and not settings.views  # whatever the run starts with; frozen layers stay
    other = new(records, seed=5 if replaced else 0)
    rest, _ = train(records, tmp_path, settings=settings, name="parts", resume=True, captioner=other)
    assert torch.equal(flat(whole.captioner), flat(rest.captioner))


@pytest.mark.skipif(not bf16_is_fast(best_device()), reason="this processor has no bfloat16")
@pytest.mark.parametrize("how", [{}, {"trainable_layers": 2, "views": 2}])
def test_depthwise_convolutions_are_trained_where_the_rest_is_in_bfloat16(records, tmp_path, how):
    settings = CaptionSettings(batch=8, beam=1, finetune_encoder=True, **how)
    encoder = ImageEncoder("efficientnet_lite0", stride=32, image_size=32)
    captions = [caption for record in records for caption in record.captions]
    sizes = DecoderSettings(embedding_size=8, hidden_size=16, attention_size=8)
    captioner = new_captioner(encoder, captions, PRE, sizes, min_count=1, max_size=None, unit="word", seed=1)
    task, _ = train(records, tmp_path, epochs=1, settings=settings, captioner=captioner, precision="bf16")
    assert torch.isfinite(flat(task.captioner)).all()


def test_self_critical_training_makes_the_better_of_its_own_captions_likelier(records, tmp_path):
    task, _ = train(records, tmp_path, epochs=3)
    captioner = task.captioner
    captioner.network.eval()
    tokens = [task.tokens[row] for row in task.train_rows.tolist()]
    said, lengths, order = caption_tokens(tokens)
    rows = task.train_rows[order]
    batch = CaptionBatch(task.source[rows].float(), said, lengths, rows)

    def reward() -> float:
        drawn = loss._find(batch.photos)
        scores = [loss._cider(row, c) for row, photo in zip(batch.rows.tolist(), drawn, strict=True) for c in photo]
        return sum(scores) / len(scores)

    loss = SelfCriticalLoss(captioner.network, references=tokens, samples=4)
    before = reward()
    optimiser = torch.optim.Adam(captioner.network.decoder.parameters(), 0.005)
    for _ in range(20):
        optimiser.zero_grad()
        loss(batch).backward()
        optimiser.step()
    assert reward() > before + 0.2


def test_self_critical_training_reaches_the_encoder_where_that_is_trained_too(records, tmp_path):
    settings = CaptionSettings(
        batch=8, objective="cider", samples=3, finetune_encoder=True, trainable_layers=2, views=2
    )
    before = new(records).network.encoder.split(2)
    task, _ = train(records, tmp_path, epochs=1, settings=settings)
    frozen, trained = (
        [torch.equal(old, now) for old, now in zip(part.parameters(), of_task.parameters(), strict=True)]
        for part, of_task in zip(before, task.captioner.network.encoder.split(2), strict=True)
    )
    assert all(frozen) and trained and not any(trained)


def test_a_found_caption_ends_with_its_end_and_has_no_unknown_word(records):
    loss = SelfCriticalLoss(new(records).network.eval(), references=[[[4]]], samples=3)
    drawn = [caption for photo in loss._find(torch.randn(4, 4, 256)) for caption in photo]
    assert any(c[-1] == END for c in drawn)
    assert not any(END in c[:-1] or UNK in c or START in c for c in drawn)


def test_data_without_a_split_is_refused(records, tmp_path):
    only_train = [r for r in records if r.split == "train"]
    with pytest.raises(DataError, match="no val photo"):
        CaptionTask(new(records), only_train, CaptionSettings(), epochs=1, seed=1, cache=tmp_path)


def test_a_grown_captioner_keeps_what_it_knew_and_meets_new_words_at_the_mean(records, tmp_path):
    before = new(records)
    before.network.eval()
    before.save(tmp_path / "m")
    assert (
        starting_preprocessing(None, tmp_path / "m") == PRE
        and starting_preprocessing(None, tmp_path) == Preprocessing()
    )
    after = extend_captioner(tmp_path / "m", ["a zebra", "zebra"], min_count=2)
    after.network.eval()
    known = len(before.vocabulary)
    assert after.vocabulary.tokens == (*before.vocabulary.tokens, "zebra")
    assert torch.equal(after.network.decoder.embedding.weight[:known], before.network.decoder.embedding.weight)
    assert torch.equal(after.network.decoder.embedding.weight[known], before.network.decoder.embedding.weight.mean(0))
    features = before.encode(torch.randn(2, 3, 32, 32))
    greedy = SearchSettings(beam=1, max_length=4)
    assert [c.text for c in before.describe(features, greedy)] == [c.text for c in after.describe(features, greedy)]
    larger = extend_captioner(tmp_path / "m", [], image_size=48, min_count=1)
    assert larger.network.encoder.grid == (3, 3) and torch.equal(flat(larger), flat(before))


def test_encoder_weights_come_from_a_file_and_never_from_a_pickle(tmp_path):
    from torchvision.models import resnet18

    backbone = resnet18()
    torch.save(backbone.state_dict(), tmp_path / "r18.pth")
    taken = start_encoder("resnet18", str(tmp_path / "r18.pth"), preprocessing=PRE)
    assert torch.equal(taken.trunk.layer3[0].conv1.weight, backbone.layer3[0].conv1.weight)
    torch.save(backbone, tmp_path / "pickled.pth")
    with pytest.raises(ModelError, match="not a file of plain weights"):
        start_encoder("resnet18", str(tmp_path / "pickled.pth"), preprocessing=PRE)
    with pytest.raises(ModelError, match="missing"):
        start_encoder("resnet34", str(tmp_path / "r18.pth"), preprocessing=PRE)
    with pytest.raises(SettingError, match="does not exist"):
        start_encoder("resnet18", str(tmp_path / "none.pth"), preprocessing=PRE)


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("finetune", [False, True])
def test_an_epoch_trains_on_the_next_of_the_cached_views(records, tmp_path, views, finetune):
    layers = 2 if finetune else 0
    settings = CaptionSettings(batch=8, beam=1, finetune_encoder=finetune, trainable_layers=layers, views=views)
    task, _ = train(records, tmp_path, epochs=1, settings=settings)
    of_row = [{} for _ in range(3)]
    for epoch, seen in enumerate(of_row):
        for step in range(task.steps):
            batch = task.batch(epoch, step)
            seen.update(zip(batch.rows.tolist(), batch.photos, strict=True))
    first, second, third = (seen[0] for seen in of_row)
    assert torch.equal(first, third) == (views == 2 or not finetune)  # else a new view every epoch
    assert torch.equal(first, second) == (views == 0 and not finetune)
