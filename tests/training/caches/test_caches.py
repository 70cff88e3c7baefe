"""Decoded photos and computed features on disk: right rows, found again, resumed, refused when there is no room."""

import errno
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from toys import COLOURS, class_folders, square

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing, open_photo
from runtime.errors import DataError, WriteError
from training.caches import array_file, features, photos
from training.caches.array_file import ArrayFile
from training.caches.features import FeatureCache
from training.caches.photos import PhotoCache
from training.caches.views import ViewCache

PRE = Preprocessing(size=32)


@pytest.fixture
def paths(tmp_path):
    return sorted(class_folders(tmp_path / "photos").rglob("*.png"))


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return ImageEncoder("compact", image_size=32).eval()


def fill(cache):
    return list(cache.fill())


def test_pixels_come_back_in_the_order_asked_for(paths, tmp_path):
    cache = PhotoCache(paths, PRE, tmp_path / "cache")
    assert fill(cache)[-1] == len(paths) == len(cache)
    rows = [7, 0, 7]
    expected = torch.stack([torch.from_numpy(PRE.pixels(photos.open_photo(paths[row]))) for row in rows])
    assert torch.equal(cache[rows], expected)


def test_a_filled_cache_is_found_again_and_a_changed_photo_is_not(paths, tmp_path, monkeypatch):
    fill(PhotoCache(paths, PRE, tmp_path / "cache"))
    monkeypatch.setattr(photos, "open_photo", None)  # nothing may be opened again
    again = PhotoCache(paths, PRE, tmp_path / "cache")
    assert fill(again) == [len(paths)] and again[[3]].shape == (1, 3, 32, 32)
    square(next(iter(COLOURS)), "left", 99).save(paths[0], compress_level=0)
    assert PhotoCache(paths, PRE, tmp_path / "cache").file != again.file
    now = PhotoCache(paths, PRE, tmp_path / "cache").file
    for other in ({"fit": "crop"}, {"interpolation": "bicubic"}, {"shrinking": "bilinear"}, {"photo_side": 32}):
        assert PhotoCache(paths, replace(PRE, **other), tmp_path / "cache").file != now
    other_mean = replace(PRE, mean=(0.1, 0.1, 0.1))
    assert PhotoCache(paths, other_mean, tmp_path / "cache").file == now, "pixels are cached before they are normalised"


@pytest.mark.parametrize("kind", ["photos", "features"])
def test_a_bad_photo_is_named_and_the_rest_go_on(paths, tmp_path, encoder, kind):
    paths[2].write_bytes(b"")
    for _ in range(2):  # the second time from disk
        cache = (
            PhotoCache(paths, PRE, tmp_path / "cache")
            if kind == "photos"
            else FeatureCache(paths, encoder, PRE, tmp_path / "cache")
        )
        fill(cache)
        assert list(cache.bad) == [2] and "0 bytes" in cache.bad[2]
        assert not cache[[2]].any() and cache[[1]].any() and cache[[3]].any()


def test_features_are_the_encoder_s(paths, tmp_path, encoder):
    cache = FeatureCache(paths, encoder, PRE, tmp_path / "cache")
    fill(cache)
    rows = [5, 1]
    with torch.no_grad():
        expected = encoder(torch.stack([torch.from_numpy(PRE(photos.open_photo(paths[row]))) for row in rows]))
    assert cache[rows].dtype == torch.float16
    torch.testing.assert_close(cache[rows].float(), expected, atol=0.03 * expected.abs().max().item(), rtol=0)


def test_an_interrupted_feature_cache_goes_on_where_it_was(paths, tmp_path, encoder, monkeypatch):
    monkeypatch.setattr(features, "BATCH", 4)
    whole = FeatureCache(paths, encoder, PRE, tmp_path / "whole")
    fill(whole)
    first = FeatureCache(paths, encoder, PRE, tmp_path / "parts").fill()
    assert [next(first), next(first)] == [4, 8]
    first.close()
    opened = []
    monkeypatch.setattr(features, "open_photo", lambda p, **how: opened.append(p) or photos.open_photo(p, **how))
    parts = FeatureCache(paths, encoder, PRE, tmp_path / "parts")
    assert fill(parts)[0] == 12
    assert paths[7] not in opened and paths[8] in opened
    assert np.array_equal(whole[range(len(paths))], parts[range(len(paths))])


def test_other_weights_are_another_cache(paths, tmp_path, encoder):
    one = FeatureCache(paths, encoder, PRE, tmp_path)
    torch.manual_seed(1)
    assert FeatureCache(paths, ImageEncoder("compact", image_size=32), PRE, tmp_path).file != one.file


def test_precision_reaches_the_encoder_and_names_the_cache(paths, tmp_path, encoder, monkeypatch):
    """As on a processor with bfloat16, which not every one has."""
    monkeypatch.setattr(features, "bf16_is_fast", lambda device: True)
    monkeypatch.setattr(features, "autocast", lambda device: torch.autocast(device.type, dtype=torch.bfloat16))
    caches = {p: FeatureCache(paths, encoder, PRE, tmp_path, precision=p) for p in ("32", "bf16", "auto")}
    assert caches["auto"].file == caches["bf16"].file != caches["32"].file
    for cache in caches.values():
        fill(cache)
    with torch.no_grad():
        exact = encoder(torch.from_numpy(np.stack([PRE(photos.open_photo(path)) for path in paths]))).half()
    rows = range(len(paths))
    torch.testing.assert_close(caches["32"][rows], exact, atol=2e-3 * exact.abs().max().item(), rtol=2e-3)
    assert not torch.equal(caches["bf16"][rows], caches["32"][rows])
    monkeypatch.setattr(features, "bf16_is_fast", lambda device: False)
    assert FeatureCache(paths, encoder, PRE, tmp_path).file == caches["32"].file, "auto is 32 there"


def _fill_counted(kind, paths, folder, opened, ready):
    """In a process of its own: fill a cache slowly, counting the photos it opens."""

    def slowly(path, **how):
        with opened.get_lock():
            opened.value += 1
        time.sleep(0.01)
        return open_photo(path, **how)

    photos.open_photo = features.open_photo = slowly
    torch.manual_seed(0)
    encoder = ImageEncoder("compact", image_size=32).eval()
    cache = PhotoCache(paths, PRE, folder) if kind == "photos" else FeatureCache(paths, encoder, PRE, folder)
    ready.wait()
    fill(cache)
    assert cache[range(len(paths))].shape[0] == len(paths)


@pytest.mark.parametrize("kind", ["photos", "features"])
def test_two_processes_on_one_cache_do_its_work_once(paths, tmp_path, encoder, kind):
    processes = multiprocessing.get_context("forkserver")  # imports once, and forks for each process
    processes.set_forkserver_preload(["training.caches.features"])
    opened, ready = processes.Value("i", 0), processes.Barrier(2)
    work = (kind, paths, tmp_path / "c", opened, ready)
    both = [processes.Process(target=_fill_counted, args=work) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert opened.value == len(paths), "each photo was opened once"


def test_a_cache_left_by_a_killed_process_is_not_locked(paths, tmp_path):
    killed = PhotoCache(paths, PRE, tmp_path / "c").fill()
    next(killed)
    with pytest.raises(Timeout), FileLock(next((tmp_path / "c").glob("*.lock")), timeout=0):
        pytest.fail("it was free")
    killed.close()
    assert fill(PhotoCache(paths, PRE, tmp_path / "c"))[-1] == len(paths)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_one_sentence(paths, tmp_path, encoder, monkeypatch, number):
    def fail(self, **how):
        raise OSError(number, os.strerror(number))

    caches = PhotoCache(paths, PRE, tmp_path / "c"), FeatureCache(paths, encoder, PRE, tmp_path / "c")
    monkeypatch.setattr(photos.Path, "mkdir", fail)
    for cache in caches:
        with pytest.raises(WriteError, match=r"c (cannot hold the cache \(|has no room left).* --cache"):
            fill(cache)


def test_a_full_cache_is_read_where_nothing_can_be_written(paths, tmp_path, encoder, monkeypatch):
    made = PhotoCache(paths, PRE, tmp_path / "c"), FeatureCache(paths, encoder, PRE, tmp_path / "c")
    for cache in made:
        fill(cache)
    monkeypatch.setattr(array_file, "FileLock", None)
    for cache in (PhotoCache(paths, PRE, tmp_path / "c"), FeatureCache(paths, encoder, PRE, tmp_path / "c")):
        assert fill(cache) == [len(paths)]


def test_a_full_disk_is_refused_before_anything_is_written(paths, tmp_path, encoder, monkeypatch):
    usage = array_file.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(array_file.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    for cache in (PhotoCache(paths, PRE, tmp_path / "c"), FeatureCache(paths, encoder, PRE, tmp_path / "c")):
        with pytest.raises(DataError, match=r"0\.0 GB free and the cache needs"):
            fill(cache)
    assert not [file for file in (tmp_path / "c").iterdir() if file.suffix != ".lock"]


def test_a_disk_that_runs_full_later_is_one_sentence_and_what_is_done_stays(paths, tmp_path, encoder, monkeypatch):
    monkeypatch.setattr(features, "BATCH", 4)
    write, written = array_file.ArrayFile.write, []

    def full(self, first, rows):
        written.append(first)
        if first == 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, first, rows)

    with monkeypatch.context() as patch:
        patch.setattr(ArrayFile, "write", array_file.write_error(paths[0])(full))
        with pytest.raises(DataError, match="no room left for the cache; free some space"):
            fill(FeatureCache(paths, encoder, PRE, tmp_path))
    assert written == [0, 4, 8]
    written.clear()
    assert fill(FeatureCache(paths, encoder, PRE, tmp_path))[0] == 12


def test_rows_are_read_in_the_order_asked_for_and_by_numpy_too(tmp_path):
    rows = np.arange(24, dtype=np.float16).reshape(4, 2, 3)
    array = ArrayFile.create(tmp_path / "a.npy", np.float16, (4, 2, 3))
    array.write(2, rows[2:])
    array.write(0, rows[:2])
    array.sync()
    assert np.array_equal(np.load(tmp_path / "a.npy"), rows)
    assert np.array_equal(ArrayFile(tmp_path / "a.npy").read(torch.tensor([3, 0, 3])), rows[[3, 0, 3]])
    assert ArrayFile(tmp_path / "a.npy").read([]).shape == (0, 2, 3)


def test_photos_are_opened_only_a_little_ahead():
    opened = []
    with ThreadPoolExecutor(2) as pool:
        rows = photos.prefetch(pool, lambda row: opened.append(row) or row, range(1000), most=8)
        assert [next(rows) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert len(opened) <= 14
        assert list(rows) == list(range(5, 1000))


def test_a_read_that_gives_less_goes_on(tmp_path):
    """One `readinto` may give fewer bytes than were asked for: across signals, on network disks, beyond 2 GiB."""
    rows = np.arange(24, dtype=np.float16).reshape(4, 6)
    array = ArrayFile.create(tmp_path / "a.npy", np.float16, rows.shape)
    array.write(0, rows)

    class Slow:
        def __init__(self, file):
            self.file, self.seek = file, file.seek

        def readinto(self, into):
            return self.file.readinto(into[:5])

    array._file = Slow(array._file)
    assert np.array_equal(array.read([2, 0]), rows[[2, 0]])


def test_a_file_that_was_cut_short_is_told(tmp_path):
    array = ArrayFile.create(tmp_path / "a.npy", np.float16, (4, 6))
    os.truncate(tmp_path / "a.npy", array.offset + 2 * array.size)
    with pytest.raises(DataError, match=r"a\.npy was cut short; delete it"):
        array.read([0, 3])


def test_views_of_a_photo_are_several_fixed_and_counted_round_and_round(paths, tmp_path, encoder):
    def views(seed):
        cache = ViewCache(
            paths[:3], encoder, PRE, tmp_path / "cache",
            views=[2, 0, 2], seed=seed, augment={"smallest": 0.3, "mirror": False},
        )  # fmt: skip
        assert list(cache.fill())[-1] == len(cache) == 5
        return cache

    cache, photos = views(1), torch.tensor([2, 0, 1])
    first, second, third = (cache.view(photos, n) for n in range(3))
    assert torch.equal(first, third) and torch.equal(first, cache[photos])
    assert not torch.equal(first[0], second[0]) and not torch.equal(first[1], second[1])
    plain = FeatureCache(paths[:3], encoder, PRE, tmp_path / "plain")
    torch.testing.assert_close(first[2], plain[[1]][0])  # the photo as it is, in every epoch
    assert torch.equal(second[2], first[2])
    assert not torch.equal(views(2)[photos][:2], first[:2])  # another seed, other views


def test_the_bad_photo_of_several_views_is_named_once(paths, tmp_path, encoder):
    paths[1].write_bytes(b"")
    cache = ViewCache(paths[:3], encoder, PRE, tmp_path / "cache", views=[2, 2, 0], seed=1, augment={})
    fill(cache)
    assert list(cache.bad) == [1] and not cache.view(torch.tensor([1]), 1).any()
