"""Two processes, or one that computes a batch in parts, train as one process does."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import distributed_runs
import numpy as np
import pytest
import torch
from toys import coco_folder
from vqa_toys import question_folder

from runtime.checkpoint import read_tensors
from training.loop import distributed

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distributed")
    return coco_folder(folder / "captions"), question_folder(folder / "questions")


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """What one process finds: a folder of its runs, and their losses."""
    out = tmp_path_factory.mktemp("alone")
    return out, distributed_runs.losses(*data, out)


def torchrun(*arguments) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([*TORCHRUN, *map(str, arguments)], env=environment, capture_output=True, text=True)


def train_as(rank: int, port: int, arguments: tuple[Path, ...]) -> None:
    """What `torchrun ... distributed_runs.py ARGUMENTS` begins, in a process of its own."""
    here = {"TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank)}
    alone = {"LOCAL_RANK": str(rank), "GROUP_WORLD_SIZE": "1", "CUDA_VISIBLE_DEVICES": ""}
    os.environ.update(here | alone | dict.fromkeys(["WORLD_SIZE", "LOCAL_WORLD_SIZE"], "2"))
    torch.set_num_threads(1)
    distributed_runs.write_losses(*arguments)


def assert_same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    for name, curve in expected.items():
        near = 0.3 if name == distributed_runs.EVERY_LAYER else 1e-5
        assert len(curve) >= 4 and found[name] == pytest.approx(curve, abs=near), name


def test_two_processes_have_the_loss_curves_of_one(data, alone, tmp_path):
    one, expected = alone
    imported = ["training.tasks.captioner", "training.tasks.vqa", "training.loop.fit", "torch._dynamo"]
    multiprocessing.get_context("forkserver").set_forkserver_preload(imported)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Imports once, where torchrun would three times; and as torchrun does, it ends both when one has failed.
    torch.multiprocessing.start_processes(train_as, (port, (*data, tmp_path)), nprocs=2, start_method="forkserver")
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    for losses in found:
        assert_same(losses, expected)
    every = distributed_runs.EVERY_LAYER
    assert found[0][every] == found[1][every] != expected[every], "they add up what each one finds"
    for name in expected.keys() - {every}:
        before, after = (read_tensors(out / name / "last" / "model.safetensors") for out in (one, tmp_path))
        for tensor, value in before.items():
            torch.testing.assert_close(after[tensor], value, atol=1e-3, rtol=0)
    cached = {out: sorted((out / "cache").glob("features-*.npy")) for out in (one, tmp_path)}
    assert [file.name for file in cached[one]] == [file.name for file in cached[tmp_path]]
    for files in zip(*cached.values(), strict=True):
        notes = [json.loads(file.with_suffix(".json").read_text()) for file in files]
        assert notes[0] == notes[1] and notes[0]["done"] == len(np.load(files[0]))
        np.testing.assert_allclose(*map(np.load, files), atol=2e-3)


def test_a_batch_in_parts_has_the_loss_curve_of_the_whole(data, alone, tmp_path):
    assert_same(distributed_runs.losses(*data, tmp_path, accumulate=3), alone[1])


def test_the_command_is_heard_once_and_leaves_with_status_0(data, tmp_path):
    small = ["--embedding", 16, "--attention", 16, "--hidden", 16, "--min-count", 1, "--image-size", 32]
    done = torchrun("-m", "training", "captioner", "--data", data[0], "--out", tmp_path / "run", "--encoder", "tiny",
                    *small, "--epochs", 1, "--beam", 1, "--no-scores")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("done: ") == done.stderr.count("24 photos to train on") == 1
    assert len(list((tmp_path / "run" / "cache").glob("features-*.npy"))) == 1, "both drew the same encoder"
    wrong = torchrun("-m", "training", "captioner", "--data", data[0], "--out", tmp_path / "run", "--epochs", 0)
    assert wrong.returncode != 0 and "error: epochs is 0; choose 1 or more." in wrong.stderr


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(distributed, "is_distributed", lambda: True)
    monkeypatch.setattr(distributed, "best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("GROUP_WORLD_SIZE", "1")
    with pytest.raises(distributed.SettingError, match="--nproc-per-node is 2, and there are 1 GPUs"):
        distributed.setup_fabric()
