"""Pretraining an encoder on class folders: the data, the views, the schedule of sizes, and that it learns."""

import pytest
import torch
from toys import COLOURS, class_folders, square

from encoders.images import Preprocessing
from runtime.checkpoint import read_config
from runtime.errors import DataError, SettingError
from training.caches.augment import progressive_size, random_views
from training.config.fit import FitSettings
from training.config.task import EncoderSettings
from training.loop.fit import fit
from training.loop.seed import generator
from training.loop.task import Epoch
from training.tasks.encoder import EncoderTask
from training.tasks.encoder import class_folders as read_classes
from training.tasks.start import start_encoder

TINY = EncoderSettings(image_size=32, batch=8, hold_out=0.2, smallest_view=0.8)


def views(**how):
    photo = torch.stack([torch.from_numpy(Preprocessing(size=32).pixels(square(c, "left"))) for c in COLOURS])
    return photo, random_views(photo, 32, generator("views"), **how)


def test_a_view_of_everything_is_the_photo_itself():
    photo, same = views(smallest=1.0, max_ratio=1.0, jitter=0.0, mirror=False)
    torch.testing.assert_close(same, photo.float(), atol=0.01, rtol=0)


def test_mirroring_swaps_left_and_right_and_never_top_and_bottom():
    photo, seen = views(smallest=1.0, max_ratio=1.0, jitter=0.0, mirror=True)
    for before, after in zip(photo.float(), seen, strict=True):
        assert torch.allclose(after, before, atol=0.01) or torch.allclose(after, before.flip(2), atol=0.01)


def test_views_differ_between_photos_stay_in_range_and_repeat_with_the_seed():
    _, one = views(smallest=0.3)
    _, two = views(smallest=0.3)
    assert torch.equal(one, two) and one.min() >= 0 and one.max() <= 255
    grounds = one[:, 0, 0, 0]
    assert len(grounds.unique()) == len(grounds), "each photo has its own light"


def test_views_grow_from_the_first_size_to_the_last():
    assert [progressive_size(e, 6, first=32, last=64, stride=16) for e in range(6)] == [32, 32, 48, 48, 64, 64]
    assert [progressive_size(e, 2, first=40, last=64, stride=16) for e in range(2)] == [40, 56]
    assert [progressive_size(e, 3, first=0, last=64, stride=16) for e in range(3)] == [64] * 3


def test_class_folders_are_read_at_any_depth_and_refused_when_there_are_too_few(tmp_path):
    root = class_folders(tmp_path / "data", copies=2)
    (root / "red" / "deep").mkdir()
    square("red", "left").save(root / "red" / "deep" / "more.png")
    paths, labels, names = read_classes(root)
    assert names == sorted(COLOURS) and labels.count(names.index("red")) == 3
    assert all(path.relative_to(root).parts[0] == names[label] for path, label in zip(paths, labels, strict=True))
    with pytest.raises(DataError, match="0 class folders"):
        read_classes(root / "red" / "deep")
    with pytest.raises(DataError, match="not a folder"):
        read_classes(root / "missing")


def test_too_large_a_batch_is_refused(tmp_path):
    with pytest.raises(SettingError, match="a batch of 128"):
        EncoderTask(class_folders(tmp_path / "data"), EncoderSettings(), epochs=1, seed=1, cache=tmp_path)


def test_it_learns_colours_and_the_encoder_can_be_taken_from_its_folder(tmp_path):
    data = class_folders(tmp_path / "data", copies=12)
    task = EncoderTask(data, TINY, epochs=6, seed=1, cache=tmp_path / "cache")
    assert not set(task.rows.tolist()) & set(task.held.tolist())
    how = FitSettings(epochs=6, learning_rate=0.002, precision="32")
    whole, parts = task.batch(0, 1), [task.batch(0, 1, slice(n, None, 2)) for n in range(2)]
    assert all(torch.equal(part.photos, whole.photos[n::2]) for n, part in enumerate(parts))
    assert [len(part) for part in parts] == [4, 4] and {part.whole for part in parts} == {8}
    last = [r for r in fit(task, how, tmp_path / "run") if isinstance(r, Epoch)][-1]
    assert last.scores["top_1"] >= 75 and last.scores["top_5"] == 100
    config = read_config(tmp_path / "run", kind="encoder")
    assert config["classes"] == sorted(COLOURS) and config["scores"]["top_1"] >= 75
    taken = start_encoder(None, str(tmp_path / "run" / "last"), preprocessing=Preprocessing(size=48))
    assert taken.grid == (3, 3)
    assert torch.equal(taken.trunk.conv1.weight, task.model.encoder.trunk.conv1.weight)
