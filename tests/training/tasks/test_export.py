"""Exporting a model folder: graphs beside its weights, or in a copy; what differs from PyTorch is not kept."""

import pytest
from captioner_toys import small_captioner
from toys import COLOURS, square
from vqa_toys import small_answerer

import captioner
import training.tasks.export
import vqa
from runtime.checkpoint import WEIGHTS, read_config
from runtime.errors import ModelError, SettingError
from training.tasks.export import TOLERANCE, export_model

PHOTOS = [square(colour, "left") for colour in COLOURS]


@pytest.mark.parametrize(("package", "made"), [(captioner, small_captioner), (vqa, small_answerer)])
def test_a_model_gets_graphs_in_place_or_in_a_copy(package, made, tmp_path):
    model = made().save(tmp_path / "run" / "best")
    weights = (model / WEIGHTS).read_bytes()
    folder, compared = export_model(tmp_path / "run", None, PHOTOS)
    assert folder == model and compared.photos == len(PHOTOS) and 0 < compared.logits < TOLERANCE
    copy, _ = export_model(model, tmp_path / "copy", PHOTOS)
    assert (model / WEIGHTS).read_bytes() == (copy / WEIGHTS).read_bytes() == weights
    for place in (model, copy):
        assert type(package.load(place).engine).__name__ == "OnnxEngine"
        assert package.load(place, exact=True).network


def test_graphs_that_differ_from_pytorch_are_not_used(tmp_path, monkeypatch):
    model = small_captioner().save(tmp_path / "model")
    monkeypatch.setattr(training.tasks.export, "TOLERANCE", 0.0)
    with pytest.raises(ModelError, match=r"differ from PyTorch by .* in a logit, above 0\.0; use this model"):
        export_model(model, None, PHOTOS[:1])
    assert "onnx" not in read_config(model) and captioner.load(model).network
    with pytest.raises(ModelError, match="differ from PyTorch"):
        export_model(model, tmp_path / "copy", PHOTOS[:1])
    assert list(tmp_path.iterdir()) == [model], "nothing half made is left"


def test_folders_that_cannot_take_graphs_are_refused(tmp_path, monkeypatch):
    model = small_captioner().save(tmp_path / "model")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(ModelError, match="other holds something else than a model; give a new folder"):
        export_model(model, tmp_path / "other", PHOTOS)

    def read_only(self, *args, **how):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", read_only)
    with pytest.raises(SettingError, match=r"cannot be written to \(Permission denied\); give a folder"):
        export_model(model, None, PHOTOS)
