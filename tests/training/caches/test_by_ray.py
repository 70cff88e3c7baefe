"""Features that Ray's processes compute: the file, its name and its notes are those that one process would make."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import class_folders

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from runtime.errors import DataError, SettingError
from scale import cluster
from training.caches import by_ray, features
from training.caches.by_ray import FeatureWorker, RayWorkers
from training.caches.features import FeatureCache
from training.caches.views import ViewCache
from training.config.commands import CaptionerConfig, VqaConfig

PRE = Preprocessing(size=32)
PART = 2 * features.BATCH  # photos of a part, here


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return ImageEncoder("compact", image_size=32).eval()


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Three parts of photos, the last of a few; some cannot be opened. Their names are relative."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(by_ray, "PART", PART)
    files = sorted(path.relative_to(tmp_path) for path in class_folders(tmp_path / "photos").rglob("*.png"))
    files[2].write_bytes(b"")
    return (files * (1 + 2 * PART // len(files)))[: 2 * PART + 5]


@pytest.fixture
def here(monkeypatch):
    """What Ray does, in this process, and last part first; `["stop"]` ends it before the part of that number."""
    monkeypatch.setattr("runtime.installed.find_spec", lambda name: name)
    control = {"stop": None, "given": []}

    def spread(parts, worker, *made_with, workers, address):
        control["given"].append((len(parts), workers, address))
        threads, folder = torch.get_num_threads(), Path.cwd()
        made = worker(*made_with)
        for number, part in reversed(list(enumerate(parts))):
            if number == control["stop"]:
                raise KeyboardInterrupt
            yield {name: column[0] for name, column in made({"part": [part]}).items()}
        torch.set_num_threads(threads)
        os.chdir(folder)

    monkeypatch.setattr(cluster, "spread", spread)
    return control


def filled(paths, encoder, folder, workers=None):
    """A cache's bytes and notes, by the names of its files; made by Ray's workers where some are given."""
    cache = FeatureCache(paths, encoder, PRE, folder)
    if workers:
        cache.compute_with(workers)
    for _ in cache.fill():
        pass
    assert (cache.bad.keys(), cache[[1]].any().item()) == ({*range(2, len(paths), 24)}, True)
    return {file.name: file.read_bytes() if file.suffix == ".npy" else json.loads(file.read_text())
            for file in folder.iterdir() if file.suffix != ".lock"}  # fmt: skip


def test_the_files_are_those_of_one_process(paths, encoder, tmp_path, here):
    alone = filled(paths, encoder, tmp_path / "alone")
    assert filled(paths, encoder, tmp_path / "ray", RayWorkers(2, "there:1")) == alone and len(alone) == 2
    assert here["given"] == [(3, 2, "there:1")]
    assert filled(paths, encoder, tmp_path / "ray", RayWorkers()) == alone and len(here["given"]) == 1, "it is full"


def test_what_is_stopped_goes_on_with_ray_or_without(paths, encoder, tmp_path, here):
    alone = filled(paths, encoder, tmp_path / "alone")
    for name, others in (("then ray", RayWorkers()), ("then alone", None)):
        started = FeatureCache(paths, encoder, PRE, tmp_path / name).fill()
        for _ in range(PART // features.BATCH):
            next(started)
        started.close()
        here["stop"] = 1
        cache = FeatureCache(paths, encoder, PRE, tmp_path / name)
        cache.compute_with(RayWorkers())
        with pytest.raises(KeyboardInterrupt):
            list(cache.fill())
        notes = json.loads(cache.file.with_suffix(".json").read_text())
        assert notes["done"] == 2 * PART or here["given"][-1][0] == 2
        here["stop"] = None
        assert filled(paths, encoder, tmp_path / name, others) == alone


def test_random_views_are_those_of_one_process(paths, encoder, tmp_path, here):
    how = {"views": [2, 0, 3] * 9, "seed": 1, "augment": {"smallest": 0.3, "mirror": True}}
    caches = [ViewCache(paths[:27], encoder, PRE, tmp_path / name, **how) for name in ("alone", "ray")]
    caches[1].compute_with(RayWorkers())
    for cache in caches:
        list(cache.fill())
    assert caches[0].file.name == caches[1].file.name and caches[0].bad == caches[1].bad != {}
    assert caches[0].file.read_bytes() == caches[1].file.read_bytes()


def test_what_goes_wrong_is_one_sentence_and_what_is_done_stays(paths, encoder, tmp_path, here, monkeypatch):
    def full(self, first, rows):
        if first < PART:
            raise OSError(28, "No space left on device")
        write(self, first, rows)

    write = by_ray.ArrayFile.write
    cache = FeatureCache(paths, encoder, PRE, tmp_path / "c")
    cache.compute_with(RayWorkers())
    with monkeypatch.context() as patch:
        patch.setattr(by_ray.ArrayFile, "write", full)
        for _ in range(2):
            with pytest.raises(DataError, match=rf"features of photos 1 to {PART} were not computed: OSError.*space"):
                list(cache.fill())
    [tries] = (tmp_path / "c").glob("*.tries")
    tries.unlink()
    worker = FeatureWorker(cache.extractor, str(cache.file), str(tmp_path))
    part = by_ray._part(cache, range(5))
    with monkeypatch.context() as patch:  # as of a worker that the system ends, whose part Ray gives to another
        patch.setattr(by_ray.Path, "unlink", lambda *_, **how: None)
        for _ in range(cluster.MAX_ATTEMPTS):
            [why] = worker({"part": [part]})["error"]
    [why] = worker({"part": [part]})["error"]
    assert f"{cluster.MAX_ATTEMPTS} workers ended over it" in why
    assert filled(paths, encoder, tmp_path / "c", RayWorkers()) == filled(paths, encoder, tmp_path / "alone")


@pytest.mark.parametrize("config", [CaptionerConfig, VqaConfig])
@pytest.mark.parametrize("options, words", [
    ({"cache_engine": "spark"}, "cache_engine is 'spark'; choose ray."),
    ({"workers": 2}, "--workers does nothing without --cache-engine ray"),
    ({"address": "a:1"}, "--address does nothing without --cache-engine ray"),
    ({"cache_engine": "ray", "workers": 0}, "workers is 0; choose 1 or more."),
    ({"cache_engine": "ray", "finetune_encoder": True}, "with --finetune-encoder none are frozen"),
])  # fmt: skip
def test_options_that_cannot_be(config, options, words):
    with pytest.raises(SettingError, match=words):
        config.of(data="d", out="o", **options)
    config.of(data="d", out="o", cache_engine="ray", workers=2, address="a:1")
    CaptionerConfig.of(data="d", out="o", cache_engine="ray", finetune_encoder=True, trainable_layers=2, views=3)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("runtime.installed.find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"--cache-engine ray needs Ray, .*: pip install '.\[scale\]'"):
        RayWorkers()


@pytest.mark.slow  # Ray takes ten seconds to start, and a minute where cores are few
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::FutureWarning")  # Ray's
def test_ray_itself_makes_the_same_files_although_a_worker_is_killed(paths, encoder, tmp_path, monkeypatch):
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("ray")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = filled(paths, encoder, tmp_path / "alone")
    cache = FeatureCache(paths, encoder, PRE, tmp_path / "ray")
    cache.compute_with(RayWorkers(workers=2))
    filling = cache.fill()
    next(filling)
    for worker in psutil.Process().children(recursive=True):
        if "MapWorker" in " ".join(worker.cmdline()):
            worker.kill()
            break
    began = time.monotonic()
    list(filling)
    assert time.monotonic() - began < 600
    found = filled(paths, encoder, tmp_path / "ray")
    assert found.keys() == alone.keys() and not list((tmp_path / "ray").glob(".*"))
    for name, content in alone.items():
        if isinstance(content, bytes):
            assert np.array_equal(*(np.load(tmp_path / folder / name) for folder in ("alone", "ray")))
        assert found[name] == content
