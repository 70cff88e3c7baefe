"""Exporting in 8 bits: what the folder then has and says, and what is refused."""

import json
import stat

import numpy as np
import pytest
from captioner_toys import small_captioner
from PIL import Image
from toys import COLOURS, SIDES, square
from vqa_toys import small_answerer

import captioner
import vqa
from captioner.onnx_export import DECODER_INT8
from encoders.onnx_encoder import ENCODER
from encoders.onnx_int8 import INT8_WEIGHTS
from runtime.checkpoint import WEIGHTS, read_config
from runtime.errors import DataError, ModelError, SettingError
from runtime.onnx_export import tensor_offsets
from training.commands.evaluate import _engine
from training.commands.export import export
from training.config.commands import EvaluateConfig, ExportConfig
from training.tasks.export import export_model
from training.tasks.export_int8 import export_int8

PHOTOS = [square(colour, side) for colour in COLOURS for side in SIDES]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small captioner's folder, and the one that computes in 8 bits."""
    folder = tmp_path_factory.mktemp("int8")
    model = small_captioner().save(folder / "model")
    return model, export_int8(model, folder / "small", PHOTOS, [*PHOTOS, b"no photo"])[0]


def test_the_encoder_is_in_8_bits_and_sees_about_the_same(exported):
    model, folder = exported
    trained, made = captioner.load(model, exact=True), captioner.load(folder)
    photos = np.stack([made.preprocessing(photo) for photo in PHOTOS])
    wanted = trained.encode(photos).numpy()
    error = np.linalg.norm(made.encode(photos) - wanted) / np.linalg.norm(wanted)
    assert 1e-4 < error < 0.1  # in 8 bits, and of the same photos in the same order
    assert {p["dtype"] for p in tensor_offsets(folder / INT8_WEIGHTS)[1].values()} >= {"I8", "I32"}
    assert (folder / ENCODER).stat().st_size < (folder / INT8_WEIGHTS).stat().st_size < (model / WEIGHTS).stat().st_size
    assert (folder / INT8_WEIGHTS).stat().st_mode & stat.S_IRGRP == (folder / WEIGHTS).stat().st_mode & stat.S_IRGRP


@pytest.mark.usefixtures("float32")
def test_the_decoder_is_in_8_bits_and_scores_about_the_same(exported):
    model, folder = exported
    trained, made = captioner.load(model, exact=True, device="cpu").engine, captioner.load(folder).engine
    shape = (2, made.grid[0] * made.grid[1], made.encoder.feature_size)
    features = np.abs(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
    words = np.array([5, 6])
    wanted, found = (engine.step(words, engine.start(features))[0] for engine in (trained, made))
    assert 1e-4 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.03
    for weights in DECODER_INT8.values():
        assert {p["dtype"] for p in tensor_offsets(folder / weights)[1].values()} == {"U8", "F32"}


def test_the_folder_says_so_and_keeps_the_weights_as_they_were(exported):
    model, folder = exported
    assert read_config(folder)["onnx"]["int8"] == {"photos": len(PHOTOS)}
    assert (folder / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()
    assert captioner.load(folder).engine.encoder_fingerprint != captioner.load(model).engine.encoder_fingerprint
    given = {"data": "x", "model": str(folder)}
    assert [_engine(EvaluateConfig.of(**given, **more)) for more in ({}, {"engine": "torch"})] == ["onnx", "torch"]
    assert _engine(EvaluateConfig.of(**given | {"model": str(model)})) == "torch"


def test_weights_that_were_changed_are_told_in_a_sentence(exported, tmp_path):
    for file in exported[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / INT8_WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / INT8_WEIGHTS).write_bytes(content)
    with pytest.raises(ModelError, match=r"encoder-int8\.safetensors is missing or another model's; make its graphs"):
        captioner.load(tmp_path, engine="onnx")


def test_full_graphs_take_its_place_again(exported, tmp_path):
    folder, _ = export_int8(exported[0], tmp_path / "again", PHOTOS[:2], PHOTOS)
    export_model(folder, None, PHOTOS[:2])
    assert "int8" not in read_config(folder)["onnx"] and not [*folder.glob("*int8*")]
    assert captioner.load(folder, engine="onnx").engine


def test_an_answerer_with_an_encoder_of_its_own_goes_the_same_way(tmp_path):
    model = small_answerer().save(tmp_path / "model")
    folder, same = export_int8(model, tmp_path / "out", PHOTOS[:2], PHOTOS)
    assert 0 <= same <= 1 and vqa.load(folder, engine="onnx")(PHOTOS[0], "what colour?")


def test_what_cannot_be_is_one_sentence(exported, tmp_path):
    with pytest.raises(SettingError, match="bundled-vqa has the encoder of bundled-captioner, and none to put in 8"):
        export_int8("bundled-vqa", tmp_path / "out", PHOTOS, PHOTOS)
    with pytest.raises(DataError, match="none of the training photos can be opened"):
        export_int8(exported[0], tmp_path / "out", PHOTOS[:1], [b"no photo"])
    with pytest.raises(SettingError, match="--int8 needs --data"):
        ExportConfig.of(model="m", out="out", int8=True)
    with pytest.raises(SettingError, match="--data is what --int8 looks at"):
        ExportConfig.of(model="m", out="out", data="DATA")


def test_the_command_takes_training_photos_alone(exported, tmp_path, monkeypatch, capsys):
    images = []
    for n, split in enumerate(("train", "train", "val", "test")):
        Image.new("RGB", (40, 40), (60 * n, 90, 30)).save(tmp_path / f"{n}.png")
        images.append({"file_name": f"{n}.png", "image": f"{n}.png", "caption": "a red square", "split": split})
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, images)))
    given = {"model": str(exported[0]), "out": tmp_path / "out", "photos": tmp_path, "int8": True, "data": tmp_path}
    export(ExportConfig.of(**given))
    assert read_config(tmp_path / "out")["onnx"]["int8"] == {"photos": 2}
    told = capsys.readouterr().err
    assert "out computes in 8 bits; " in told and "of what it says of 4 photos" in told
