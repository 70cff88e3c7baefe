"""A model folder: what is written comes back exactly, and what does not belong is refused in one sentence."""

import json
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors.torch import save_file
from torch import nn

from runtime import checkpoint
from runtime.checkpoint import (
    CONFIG,
    WEIGHTS,
    fingerprint,
    load_tensors,
    load_weights,
    model_folder,
    read_config,
    read_tensors,
    save_folder,
    update_config,
    without_weights,
)
from runtime.errors import ModelError

CONFIGURATION = {"sizes": [3, 2], "vocabulary": ["개", "half \ud83d character", "dog"], "scores": {"cider": 40.4}}


class Model(nn.Module):
    """Weights of every kind: a matrix, a convolution, batch norm's 0-d counter."""

    def __init__(self, size: int = 3):
        super().__init__()
        self.linear = nn.Linear(size, 2)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model()


@pytest.fixture
def folder(tmp_path: Path, model: Model) -> Path:
    return save_folder(tmp_path / "model", kind="vqa", config=CONFIGURATION, tensors=model.state_dict())


def same(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def refused(call, *args, match: str) -> None:
    with pytest.raises(ModelError, match=match) as error:
        call(*args)
    assert str(error.value).isprintable() and ". " not in str(error.value)


def test_round_trip(folder: Path, model: Model):
    assert sorted(path.name for path in folder.parent.rglob("*")) == [CONFIG, "model", WEIGHTS]
    assert read_config(folder, kind="vqa") == {"format": 1, "kind": "vqa", **CONFIGURATION}
    other = Model()
    assert not same(other, model)
    load_weights(folder, other)
    assert same(other, model)


def test_anyone_may_read_what_the_writer_lets_them(folder: Path):
    assert (folder / WEIGHTS).stat().st_mode == (folder / CONFIG).stat().st_mode


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_dtype_converts_the_floats_alone(tmp_path: Path, model: Model, dtype: torch.dtype):
    folder = save_folder(tmp_path / "half", kind="vqa", config={}, tensors=model.state_dict(), dtype=dtype)
    found = read_tensors(folder / WEIGHTS)
    assert found["linear.weight"].dtype == dtype and found["norm.num_batches_tracked"].dtype == torch.long
    load_weights(folder, model)
    assert model.linear.weight.dtype == torch.float32
    torch.testing.assert_close(model.linear.weight, found["linear.weight"].float())


def test_filling_keeps_types_memory_format_and_parameters(folder: Path, model: Model):
    other = Model().double().to(memory_format=torch.channels_last)
    weight = other.conv.weight
    load_weights(folder, other)
    assert other.conv.weight is weight and weight.dtype == torch.double and weight.requires_grad
    assert weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(weight.float(), model.conv.weight)


def test_filling_a_module_without_memory(folder: Path, model: Model):
    with torch.device("meta"):
        other = Model().to(memory_format=torch.channels_last)
    load_weights(folder, other)
    assert same(other, model) and other.conv.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("persistent, times", [(True, 1), (False, 2)])
def test_what_no_file_holds_is_there_all_the_same(tmp_path: Path, persistent: bool, times: int):
    made = []

    def make() -> nn.Module:
        made.append(model := nn.Linear(2, 3))
        model.register_buffer("table", torch.arange(4), persistent=persistent)
        return model

    saved = make()
    made.clear()
    save_folder(tmp_path / "model", kind="vqa", config={}, tensors=saved.state_dict())
    model = without_weights(make)
    assert made[0].weight.is_meta
    load_weights(tmp_path / "model", model)
    assert len(made) == times, "made twice only where it must be"
    assert model.table.tolist() == [0, 1, 2, 3] and torch.equal(model.weight, saved.weight)


def test_the_best_of_a_run_is_taken(tmp_path: Path, folder: Path):
    folder.rename(tmp_path / "last")
    assert model_folder(tmp_path) == tmp_path / "last"
    save_folder(tmp_path / "best", kind="vqa", config={}, tensors={})
    assert model_folder(tmp_path) == tmp_path / "best"


def test_change_config(folder: Path, model: Model):
    update_config(folder, scores={"cider": 50.0})
    assert read_config(folder) == {"format": 1, "kind": "vqa", **CONFIGURATION, "scores": {"cider": 50.0}}
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, WEIGHTS]


def edited(folder: Path, **changes) -> str:
    return json.dumps(json.loads((folder / CONFIG).read_text(encoding="utf-8")) | changes)


@pytest.mark.parametrize("text, words", [
    (lambda folder: edited(folder, kind="captioner"), "kind 'captioner'; give one of kind 'vqa'"),
    (lambda folder: edited(folder, format=2), "format 2, this version reads 1; update"),
    (lambda folder: '{"architectures": ["BertModel"]}', "not written by glimpse"),
    (lambda folder: edited(folder)[:-20], "cannot be read.*copy the model folder again"),
    (lambda folder: "", "cannot be read"), (lambda folder: "[1, 2]", "not an object"),
    (lambda folder: "[" * 100_000, "cannot be read"), (lambda folder: b"\xff\xfe\x00", "cannot be read"),
])  # fmt: skip
def test_a_config_that_is_refused(folder: Path, text, words: str):
    text = text(folder)
    (folder / CONFIG).write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(lambda: read_config(folder, kind="vqa"), match=words)


@pytest.mark.parametrize("change, words", [
    (lambda t: t.pop("linear.bias"), "the tensor linear.bias is missing from"),
    (lambda t: t.update(extra=torch.zeros(1)), "the tensor extra is unknown to this model but in"),
    (lambda t: t.update(Model(5).state_dict()), r"linear.weight in .* has shape \(2, 5\), config.json asks for"),
])  # fmt: skip
def test_tensors_that_do_not_belong(folder: Path, model: Model, change, words: str):
    tensors = read_tensors(folder / WEIGHTS)
    change(tensors)
    before = fingerprint(model)
    refused(load_tensors, model, tensors, "some.safetensors", match=words)
    assert fingerprint(model) == before
    save_file(tensors, folder / WEIGHTS)
    refused(load_weights, folder, model, match=words)


class Harm:
    def __reduce__(self):
        return Path.touch, (Path("harmed"),)


@pytest.mark.parametrize("damage", ["cut", "header cut", "empty", "missing", "folder", "pickle", "torch"])
def test_weights_that_cannot_be_read(folder: Path, model: Model, monkeypatch, damage: str):
    path = folder / WEIGHTS
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "torch":
        torch.save(model.state_dict(), path)
    elif damage != "missing":
        path.write_bytes(
            {"cut": whole[:-1], "header cut": whole[:40], "empty": b"", "pickle": pickle.dumps(Harm())}[damage]
        )
    monkeypatch.chdir(folder.parent)
    refused(load_weights, folder, model, match="cut short, or not a safetensors file .* copy the model again")
    assert not Path("harmed").exists()


@pytest.mark.parametrize("name, words", [
    ("nothing", "does not exist"), ("empty", "is not a model folder"), ("file", "is not a model folder"),
    ("x" * 300, "cannot be read"), ("nul\0byte", "does not exist"), ("half \ud83d", "does not exist"),
])  # fmt: skip
def test_no_model_folder(tmp_path: Path, name: str, words: str):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    refused(read_config, tmp_path / name, match=words + ".*; give a folder with config.json and model.safetensors")


@pytest.mark.parametrize("at", ["weights", "config", "second rename"])
def test_a_crash_leaves_the_old_model(folder: Path, model: Model, monkeypatch, at: str):
    def crash(*args, **how):
        raise KeyboardInterrupt

    def crash_on_the_second(self, target, rename=Path.rename):
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    target, name, does = {
        "weights": (safetensors.torch, "save_file", crash),
        "config": (checkpoint, "write_json", crash),
        "second rename": (Path, "rename", crash_on_the_second),
    }[at]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(target, name, does)
        save_folder(folder, kind="vqa", config={}, tensors=Model(5).state_dict())
    assert list(folder.parent.iterdir()) == [folder]
    load_weights(folder, model)
    assert read_config(folder)["scores"] == CONFIGURATION["scores"]


def test_a_new_model_replaces_the_old_and_nothing_else(folder: Path):
    (folder / "NOTES.md").write_text("my own")
    save_folder(folder, kind="captioner", config={}, tensors=Model(5).state_dict())
    load_weights(folder, Model(5))
    assert read_config(folder)["kind"] == "captioner"
    assert (folder / "NOTES.md").read_text() == "my own" and list(folder.parent.iterdir()) == [folder]


def test_somebodys_other_things_are_not_replaced(tmp_path: Path):
    thesis = tmp_path / "documents" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    for target in (thesis.parent, thesis):
        with pytest.raises(ModelError, match="holds something else than a model; give a new folder"):
            save_folder(target, kind="vqa", config={}, tensors={})
    assert thesis.read_text() == "years of work"


def test_a_link_and_a_dot_are_followed(folder: Path, tmp_path: Path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(folder)
    save_folder(link, kind="vqa", config={"n": 1}, tensors={})
    assert link.is_symlink() and read_config(folder)["n"] == 1
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    save_folder(".", kind="vqa", config={"n": 2}, tensors={})
    assert read_config(tmp_path / "here")["n"] == 2


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    refused(lambda: save_folder(tmp_path / "m", kind="vqa", config={}, tensors={}), match="No space left.*make room")
    assert not list(tmp_path.iterdir())


def test_fingerprint_knows_the_weights(model: Model):
    before = fingerprint(model)
    assert before == fingerprint(model) and len(before) == 16
    for name, tensor in model.state_dict().items():
        old = tensor.flatten()[-1].clone()
        tensor.view(-1)[-1] += 1
        assert fingerprint(model) != before, name
        tensor.view(-1)[-1] = old
    assert fingerprint(model) == before


def test_fingerprint_knows_what_else_decides(model: Model):
    names = [fingerprint(model, *extra) for extra in ((), ({"size": 64},), ({"size": 65},), ({"size": 64}, ["a.jpg"]))]
    assert len(set(names)) == 4
    assert fingerprint(model, {"a": 1, "b": 2}) == fingerprint(model, {"b": 2, "a": 1})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.bool])
def test_fingerprint_of_any_type(dtype: torch.dtype):
    def holding(**tensors) -> nn.Module:
        module = nn.Module()
        for name, tensor in tensors.items():
            module.register_buffer(name, tensor)
        return module

    a, b = torch.tensor([[0, 1], [1, 1], [0, 0]]).to(dtype), torch.tensor(1).to(dtype)
    before = fingerprint(holding(a=a, b=b))
    assert fingerprint(holding(b=b, a=a)) == before, "the order of the tensors"
    assert fingerprint(holding(a=a.t().contiguous().t(), b=b)) == before, "the layout in memory"
    assert fingerprint(holding(a=a, b=torch.zeros_like(b))) != before
    assert fingerprint(holding(a=a.t(), b=b)) != before
    assert fingerprint(holding(a2=a, b=b)) != before, "the name of a tensor"


def test_fingerprint_does_not_know_the_layout(model: Model):
    before = fingerprint(model)
    assert fingerprint(model.to(memory_format=torch.channels_last)) == before
    if torch.cuda.is_available():
        assert fingerprint(model.cuda()) == before
