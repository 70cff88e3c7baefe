"""Fixtures that several test files share, and how many of the files are run at once."""

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes: each has a core, as have those that it starts
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A file or two need no further process; for more there is one a core, of a gigabyte each, and at most four."""
    files = [argument for argument in config.args if ".py" in argument]
    few = len(files) == len(config.args) <= 2
    return 0 if few else min(4, os.cpu_count() or 1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that use it are marked `shared_data`."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not beside the project (../shared/data)")
    return folder


@pytest.fixture
def float32(monkeypatch):
    """Models compute in float32, also where the test machine is faster in bfloat16."""
    for module in ("runtime.device", "encoders.inference"):
        monkeypatch.setattr(f"{module}.bf16_is_fast", lambda device: False)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A captioner that stands for the bundled one, in half precision."""
    import torch
    from vqa_toys import PRE, small_answerer

    import captioner
    import vqa.shared
    from encoders.text import Vocabulary

    torch.manual_seed(3)
    sizes = captioner.DecoderSettings(embedding_size=8, hidden_size=8, attention_size=8)
    made = captioner.Captioner.build(small_answerer().network.encoder, Vocabulary.build(["a red square"]), PRE, sizes)
    folder = made.save(tmp_path / "bundled", dtype=torch.float16)
    monkeypatch.setattr(vqa.shared, "shared_folder", lambda name: folder)
    return captioner.load(folder, exact=True)
