"""The answerer in ONNX Runtime: it answers as PyTorch does, on its own encoder or on the bundled captioner's."""

import numpy as np
import pytest
import torch
from toys import COLOURS, SIDES, square
from vqa_toys import QUESTIONS, small_answerer

import captioner
import captioner.onnx_export
import vqa.onnx_engine
from runtime.checkpoint import read_config, update_config
from runtime.errors import ModelError
from runtime.onnx_export import register_graphs
from vqa import load
from vqa.onnx_export import save_graphs

PHOTOS = [square(colour, side) for colour in COLOURS for side in SIDES]
MORE = [*QUESTIONS, "is the square blue?", QUESTIONS[0], "red?", "무슨 색이에요?"]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    for module in ("runtime.device", "encoders.inference"):
        monkeypatch.setattr(f"{module}.bf16_is_fast", lambda device: False)


def about(network) -> dict:
    return {"encoder": network.encoder_fingerprint, "grid": network.grid, "feature_size": network.encoder.feature_size}


def exported(folder, **settings):
    """A small answerer's folder with graphs."""
    network = small_answerer(**settings).network
    small_answerer(**settings).save(folder)
    names = save_graphs(network, folder, own_encoder=True)
    register_graphs(folder, names, glimpses=network.glimpses, **about(network))
    return folder


@pytest.fixture
def sharing(bundle, tmp_path, monkeypatch):
    """The folder of an answerer on the bundled captioner's encoder; both have graphs."""
    network, folder = bundle.network, tmp_path / "bundled"
    register_graphs(folder, captioner.onnx_export.save_graphs(network, folder), **about(network))
    monkeypatch.setattr(vqa.onnx_engine, "shared_folder", lambda name: folder)
    made = small_answerer()
    made.network.encoder, made.encoder_from = network.encoder, captioner.BUNDLED
    made.save(tmp_path / "sharing", dtype=torch.float16)
    register_graphs(
        tmp_path / "sharing", save_graphs(made.network, tmp_path / "sharing", own_encoder=False), glimpses=1
    )
    return tmp_path / "sharing"


@pytest.mark.parametrize("settings", [
    {"pooling": "two-glimpses", "cell": "gru", "layers": 2}, {"pooling": "mean", "cell": "rnn", "fusion": "product"},
    {"photo": False, "fusion": "low-rank"}, {},
])  # fmt: skip
def test_it_answers_as_pytorch_does(tmp_path, settings):
    folder = exported(tmp_path / "model", **settings)
    looks = [load(folder, engine=engine).look(PHOTOS[0]) for engine in ("onnx", "torch")]
    assert type(looks[0].answerer.engine).__name__ == "OnnxEngine"
    for blind in (False, True):
        for found, wanted in zip(*(look.ask_all(MORE, blind=blind) for look in looks), strict=True):
            assert [(a.text, a.sure) for a in found] == [(a.text, a.sure) for a in wanted]
            assert [a.probability for a in found] == pytest.approx([a.probability for a in wanted], abs=1e-4)
            np.testing.assert_allclose(found[0].attention, wanted[0].attention, atol=1e-4)
    alone = [looks[0].ask(question)[0].probability for question in MORE]
    assert alone == pytest.approx([answers[0].probability for answers in looks[0].ask_all(MORE)], abs=1e-5)


def test_an_encoder_is_shared_with_the_captioner(bundle, sharing, tmp_path):
    describer = captioner.load(tmp_path / "bundled")
    preloaded, own = load(sharing, encoder=describer.engine.encoder), load(sharing)
    assert preloaded.engine.encoder is describer.engine.encoder is not own.engine.encoder
    assert preloaded.shares_encoder_with(describer) and own.shares_encoder_with(describer)
    assert not own.shares_encoder_with(bundle), "features of PyTorch"
    features = describer.encode(describer.preprocessing(PHOTOS[3])[None])
    looks = [
        own.look_at(features),
        *(model.look(PHOTOS[3]) for model in (preloaded, own, load(sharing, engine="torch"))),
    ]
    answers = [look.ask(MORE[0])[0] for look in looks]
    assert len({answer.text for answer in answers}) == 1
    assert [a.probability for a in answers] == pytest.approx([answers[0].probability] * 4, abs=1e-4)
    assert load(sharing, encoder=bundle.network.encoder, engine="onnx").engine.encoder.grid == own.engine.grid
    assert load(sharing, encoder=describer.engine.encoder, engine="torch").network


def test_a_shared_encoder_that_has_changed_is_refused(sharing, tmp_path):
    update_config(tmp_path / "bundled", onnx=read_config(tmp_path / "bundled")["onnx"] | {"encoder": "0" * 16})
    with pytest.raises(ModelError, match=r"was trained on the encoder [0-9a-f]{16} of bundled-captioner, and the one"):
        load(sharing, engine="onnx")
