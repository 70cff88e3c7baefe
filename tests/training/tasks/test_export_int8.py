"""Exporting in 8 bits: what the folder then has and says, and what is refused."""

import json

import numpy as np
import pytest
from captioner_toys import small_captioner
from PIL import Image
from toys import COLOURS, SIDES, square
from vqa_toys import small_answerer

import captioner
import vqa
from encoders.onnx_encoder import ENCODER
from runtime.checkpoint import WEIGHTS, read_config, update_config
from runtime.errors import DataError, ModelError, SettingError
from runtime.onnx_graphs import INT8, int8_graph
from training.commands.evaluate import evaluate
from training.commands.export import export
from training.config.commands import EvaluateConfig, ExportConfig
from training.tasks.export import export_model

PHOTOS = [square(colour, side) for colour in COLOURS for side in SIDES]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small captioner's folder, and a copy of it with graphs of both kinds."""
    folder = tmp_path_factory.mktemp("int8")
    model = small_captioner().save(folder / "model")
    return model, export_model(model, folder / "copy", PHOTOS, int8=True, training_photos=[*PHOTOS, b"no photo"])[0]


def test_the_encoder_is_in_8_bits_and_sees_about_the_same(exported):
    model, folder = exported
    trained, made = captioner.load(model, exact=True), captioner.load(folder, engine=INT8)
    photos = np.stack([made.preprocessing(photo) for photo in PHOTOS])
    wanted = trained.encode(photos).numpy()
    error = np.linalg.norm(made.encode(photos) - wanted) / np.linalg.norm(wanted)
    assert 1e-4 < error < 0.1  # in 8 bits, and of the same photos in the same order


@pytest.mark.usefixtures("float32")
def test_the_decoder_is_in_8_bits_and_scores_about_the_same(exported):
    model, folder = exported
    trained = captioner.load(model, exact=True, device="cpu").engine
    made, full = (captioner.load(folder, engine=engine).engine for engine in (INT8, "onnx"))
    shape = (2, made.grid[0] * made.grid[1], made.encoder.feature_size)
    features = np.abs(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
    words = np.array([5, 6])
    wanted, found, same = (engine.step(words, engine.start(features))[0] for engine in (trained, made, full))
    assert 1e-4 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.06
    assert np.abs(same - wanted).max() < 1e-4


def test_both_kinds_lie_beside_the_one_copy_of_the_weights(exported):
    model, folder = exported
    about = read_config(folder)["onnx"]
    graphs = ("encoder.onnx", "start.onnx", "step.onnx")
    assert about["int8"] == {"photos": len(PHOTOS)}
    assert set(about["files"]) == {WEIGHTS, *graphs, *map(int8_graph, graphs)}
    assert {file.name for file in folder.iterdir()} == {"config.json", *about["files"]}
    assert (folder / WEIGHTS).read_bytes() == (model / WEIGHTS).read_bytes()
    assert (folder / int8_graph(ENCODER)).stat().st_size < (folder / WEIGHTS).stat().st_size / 4
    full, small = (captioner.load(folder, engine=engine).engine.encoder_fingerprint for engine in ("onnx", INT8))
    assert full != small and captioner.load(folder).engine.encoder_fingerprint == full


def test_graphs_that_were_changed_or_were_never_made_are_told_in_a_sentence(exported, tmp_path):
    for file in exported[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / int8_graph(ENCODER)).write_bytes(b"changed")
    with pytest.raises(ModelError, match=r"encoder-int8\.onnx is missing or another model's; make its graphs"):
        captioner.load(tmp_path, engine=INT8)
    export_model(tmp_path, None, PHOTOS[:2])  # full graphs alone
    assert "int8" not in read_config(tmp_path)["onnx"] and not [*tmp_path.glob("*int8*")]
    with pytest.raises(ModelError, match="has no graphs in 8 bits; make them: python -m training export MODEL --int8"):
        captioner.load(tmp_path, engine=INT8)


def test_an_older_folder_whose_graphs_are_all_in_8_bits_is_used_as_it_is(exported, tmp_path):
    for file in exported[1].iterdir():
        (tmp_path / file.name.replace("-int8", "")).write_bytes(file.read_bytes())
    for name in ("encoder.onnx", "start.onnx", "step.onnx"):  # 0.7.0 wrote them in place of the full ones
        (tmp_path / name).write_bytes((exported[1] / int8_graph(name)).read_bytes())
    files = read_config(exported[1])["onnx"]["files"]
    older = {name: files[int8_graph(name)] for name in files if int8_graph(name) in files} | {WEIGHTS: files[WEIGHTS]}
    update_config(tmp_path, onnx=read_config(tmp_path)["onnx"] | {"files": older})
    wanted = captioner.load(exported[1], engine=INT8)(PHOTOS[0]).text
    assert {captioner.load(tmp_path, engine=engine)(PHOTOS[0]).text for engine in (None, "onnx", INT8)} == {wanted}


def test_an_answerer_with_an_encoder_of_its_own_goes_the_same_way(tmp_path):
    model = small_answerer().save(tmp_path / "model")
    folder, compared = export_model(model, tmp_path / "out", PHOTOS[:2], int8=True, training_photos=PHOTOS)
    assert 0 <= compared.same_in_8_bits <= 1
    full, small = (vqa.load(folder, engine=engine).engine for engine in ("onnx", INT8))
    memory = full.start(full.encode(small_answerer().preprocessing(PHOTOS[0])[None]))
    wanted, found = (engine.answer(memory, np.array([[[5, 6]]]), np.array([[2]]))[0] for engine in (full, small))
    assert 1e-4 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.03


def test_what_cannot_be_is_one_sentence_and_leaves_the_folder_as_it_was(exported, tmp_path):
    with pytest.raises(DataError, match="none of the training photos can be opened"):
        export_model(exported[0], tmp_path / "out", PHOTOS[:1], int8=True, training_photos=[b"no photo"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(SettingError, match="--int8 needs the data that the model was trained on"):
        export(ExportConfig.of(model=str(exported[0]), out=tmp_path / "out", int8=True))
    with pytest.raises(SettingError, match="--data is what --int8 looks at"):
        ExportConfig.of(model="m", out="out", data="DATA")


def captioned(folder):
    """Four photos in two train rows, one of val and one of test."""
    rows = []
    for n, split in enumerate(("train", "train", "val", "test")):
        Image.new("RGB", (40, 40), (60 * n, 90, 30)).save(folder / f"{n}.png")
        rows.append({"image": f"{n}.png", "caption": "a red square", "split": split})
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_the_command_takes_training_photos_alone(exported, tmp_path, capsys):
    data, out = captioned(tmp_path), tmp_path / "out"
    export(ExportConfig.of(model=str(exported[0]), out=out, photos=data, int8=True, data=data))
    assert read_config(out)["onnx"]["int8"] == {"photos": 2}
    told = capsys.readouterr().err
    assert "on 4 photos." in told and f"evaluate {out} --engine onnx-int8" in told and "% of the cases" in told


def test_evaluate_records_scores_in_8_bits_by_a_name_of_their_own(exported, tmp_path):
    data, out = captioned(tmp_path), tmp_path / "out"
    export(ExportConfig.of(model=str(exported[0]), out=out, photos=data, int8=True, data=data))
    evaluate(EvaluateConfig.of(model=str(out), data=data, engine="onnx-int8", record=True))
    about = read_config(out)["about"]
    assert "cider" in about["test_int8"] and "test" not in about
