"""The captioner in ONNX Runtime: it says what PyTorch says, and what is wrong with its files is told in a sentence."""

import json
import logging

import numpy as np
import onnx
import pytest
import torch
from captioner_toys import VOCABULARY, small_captioner
from toys import COLOURS, SIDES, square

import runtime.installed
import runtime.onnx_graphs
from captioner import SearchSettings, load
from captioner.onnx_engine import BEST, STEP_GRAPH
from captioner.onnx_export import save_graphs
from encoders.softmax import log_softmax
from encoders.text import Vocabulary
from runtime.checkpoint import CONFIG, WEIGHTS, read_config, update_config
from runtime.errors import ModelError, SettingError
from runtime.onnx_export import register_graphs

pytestmark = pytest.mark.usefixtures("float32")  # numbers are compared here

PHOTOS = [square(colour, side) for colour in COLOURS for side in SIDES]


def exported(folder, dtype=None, **made):
    """A small captioner's folder with graphs."""
    small_captioner(**made).save(folder, dtype=dtype)
    network = load(folder, exact=True).network
    about = {"encoder": network.encoder_fingerprint, "grid": network.grid, "feature_size": network.encoder.feature_size}
    register_graphs(folder, save_graphs(network, folder), **about)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    more = Vocabulary.build([" ".join(VOCABULARY.tokens), "and more words than a graph tells"])
    assert len(more) > BEST + 1
    return exported(tmp_path_factory.mktemp("model") / "small", torch.float16, vocabulary=more)


@pytest.fixture
def own(folder, tmp_path):
    """A copy of the folder, to be spoilt."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.parametrize("how", [SearchSettings(n=3), SearchSettings(beam=1), SearchSettings(sample=True, n=2)])
@pytest.mark.parametrize("photos", [PHOTOS, PHOTOS[:1]], ids=["many", "one"])
def test_it_says_what_pytorch_says(folder, how, photos):
    for found, wanted in zip(load(folder)(photos, how), load(folder, engine="torch")(photos, how), strict=True):
        assert [c.text for c in (found, *found.alternatives)] == [c.text for c in (wanted, *wanted.alternatives)]
        assert found.log_prob == pytest.approx(wanted.log_prob, abs=1e-3)
        np.testing.assert_allclose(found.attention, wanted.attention, atol=1e-4)


def test_full_precision_weights_serve_as_well(tmp_path):
    folder = exported(tmp_path / "single")
    assert [c.text for c in load(folder, engine="onnx")(PHOTOS)] == [c.text for c in small_captioner()(PHOTOS)]


def test_the_weights_are_stored_once(folder):
    graphs = sum(path.stat().st_size for path in folder.glob("*.onnx"))
    assert graphs < 0.01 * (folder / WEIGHTS).stat().st_size + 40_000


def test_graphs_are_used_unless_pytorch_is_needed(folder):
    assert type(load(folder).engine).__name__ == "OnnxEngine"
    assert load(folder, engine="torch").network and load(folder, exact=True).network
    with pytest.raises(SettingError, match="leave out the engine onnx"):
        load(folder, engine="onnx", exact=True)
    with pytest.raises(SettingError, match="no engine 'jax'; choose one of onnx, onnx-int8, torch"):
        load(folder, engine="jax")
    with pytest.raises(SettingError, match="does not run in PyTorch"):
        load(folder).save(folder)


def without_likeliest_words(folder):
    """The folder as 0.4.0 exported it: its step tells logits alone."""
    path = folder / STEP_GRAPH
    model = onnx.load(path, load_external_data=False)
    kept = [output for output in model.graph.output if output.name not in ("words", "log_p")]
    assert len(kept) == len(model.graph.output) - 2
    del model.graph.output[:]
    model.graph.output.extend(kept)
    path.write_bytes(model.SerializeToString())
    files = read_config(folder)["onnx"]["files"] | {STEP_GRAPH: runtime.onnx_graphs.file_checksum(path)}
    update_config(folder, onnx=read_config(folder)["onnx"] | {"files": files})


@pytest.mark.parametrize("count", [1, 5, BEST + 1])
@pytest.mark.parametrize("older", [False, True])
def test_the_likeliest_words_are_those_of_the_logits(own, older, count):
    if older:
        without_likeliest_words(own)
    for engine in (load(own).engine, load(own, engine="torch").engine):
        state = engine.start(engine.encode(np.stack([load(own).preprocessing(photo) for photo in PHOTOS[:2]])))
        said = np.array([4, 5])
        words, log_p, after = engine.likeliest(said, state, count)
        logits, wanted = engine.step(said, state)
        expected = log_softmax(logits)
        order = np.argsort(-expected, axis=1)[:, :count]
        assert words.tolist() == order.tolist()
        np.testing.assert_allclose(log_p, np.take_along_axis(expected, order, axis=1), atol=1e-4)
        np.testing.assert_allclose(np.asarray(after.recurrent), np.asarray(wanted.recurrent), atol=1e-6)
        np.testing.assert_allclose(after.p, wanted.p, atol=1e-6)


@pytest.mark.parametrize(
    "how", [SearchSettings(n=3), SearchSettings(beam=12)], ids=["few", "more than the graph tells"]
)
def test_graphs_that_tell_logits_alone_say_the_same(folder, own, how):
    without_likeliest_words(own)
    wanted, found = ([(c.text, c.alternatives) for c in load(at)(PHOTOS, how)] for at in (folder, own))
    assert [text for text, _ in found] == [text for text, _ in wanted]
    assert [[c.text for c in more] for _, more in found] == [[c.text for c in more] for _, more in wanted]


def change_weights(folder):
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)


def change_format(folder):
    update_config(folder, onnx=read_config(folder)["onnx"] | {"format": 9})


def change_graph(folder):
    (folder / "step.onnx").write_bytes((folder / "start.onnx").read_bytes())


def damage_graph(folder):
    (folder / "step.onnx").write_bytes(b"nothing")
    about = read_config(folder)["onnx"]
    about["files"]["step.onnx"] = runtime.onnx_graphs.file_checksum(folder / "step.onnx")
    update_config(folder, onnx=about)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (change_weights, "model.safetensors was changed after the graphs were made"),
        (change_format, "are of format 9, this version reads 1"),
        (change_graph, r"step\.onnx is missing or another model's"),
        (lambda folder: (folder / "encoder.onnx").unlink(), r"encoder\.onnx is missing or another model's"),
        (damage_graph, r"step\.onnx cannot be read by ONNX Runtime"),
        (lambda folder: update_config(folder, onnx=None), "has no ONNX graphs"),
    ],
)
def test_files_that_do_not_fit_are_refused_and_pytorch_is_used_instead(own, spoil, words, caplog):
    spoil(own)
    with pytest.raises(ModelError, match=words) as caught:
        load(own, engine="onnx")
    assert "training export" in str(caught.value) and "\n" not in str(caught.value)
    with caplog.at_level(logging.WARNING):
        assert load(own).network
    assert [str(caught.value) in record.getMessage() for record in caplog.records] in ([True], [])


def test_an_old_onnx_runtime_and_a_missing_pytorch_are_told(folder, own, monkeypatch):
    monkeypatch.setattr("onnxruntime.__version__", "1.9.0")
    with pytest.raises(ModelError, match=r"ONNX Runtime 1\.9\.0 is too old .*; run: pip install --upgrade onnxruntime"):
        load(folder, engine="onnx")
    for module in (runtime.installed, runtime.onnx_graphs):
        monkeypatch.setattr(module, "has_torch", lambda: False)
    with pytest.raises(ModelError, match="is too old"):
        load(folder)
    (own / CONFIG).write_text(json.dumps({k: v for k, v in read_config(own).items() if k != "onnx"}))
    with pytest.raises(SettingError, match=r"needs PyTorch, which is not installed; run: pip install '\.\[train\]'"):
        load(own)


def test_saving_a_model_anew_lets_its_graphs_go(own):
    load(own, exact=True).save(own)
    assert "onnx" not in read_config(own) and load(own).network
