"""A model made ready for use gives the same results, is known by its first weights, and cannot be saved by mistake."""

import pytest
import torch
from captioner_toys import VOCABULARY
from torch import nn
from toys import square

from captioner import Captioner, DecoderSettings, load
from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.inference import encoder_fingerprint, fold_encoder
from encoders.linear import can_pack, packed
from runtime.errors import SettingError


def encoder(name="tiny", stride=16) -> ImageEncoder:
    torch.manual_seed(0)
    made = ImageEncoder(name, stride=stride, image_size=64).eval()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return made


def test_a_folded_encoder_gives_the_same_and_keeps_its_fingerprint():
    exact, folded = encoder(), encoder()
    fold_encoder(folded)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    photos = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(folded(photos), exact(photos), rtol=1e-3, atol=1e-4)
    assert encoder_fingerprint(folded) == encoder_fingerprint(exact) == folded.folded_from
    fold_encoder(folded)
    assert encoder_fingerprint(folded) == encoder_fingerprint(exact)
    with torch.no_grad():
        next(exact.parameters()).add_(1)
    assert encoder_fingerprint(folded) != encoder_fingerprint(exact)


def test_an_encoder_without_batch_normalisation_is_left_alone():
    made = encoder("convnext_tiny")
    trunk = made.trunk
    fold_encoder(made)
    assert made.trunk is trunk and made.folded_from is None


@pytest.mark.parametrize("name, stride, sizes", [
    ("tiny", 16, {}), ("efficientnet_lite2", 32, {"projection_size": 24}),
])  # fmt: skip
def test_a_folder_is_loaded_for_use_or_exactly(tmp_path, monkeypatch, name, stride, sizes):
    for module in ("encoders.inference", "runtime.device"):  # all in full precision, or near words change places
        monkeypatch.setattr(f"{module}.bf16_is_fast", lambda device: False)
    settings = DecoderSettings(embedding_size=16, hidden_size=16, attention_size=8, **sizes)
    made = Captioner.build(encoder(name, stride), VOCABULARY, Preprocessing(64), settings)
    made.network.eval()
    folder = made.save(tmp_path / "model")
    exact, fast = load(folder, exact=True), load(folder)
    assert exact.network.settings == fast.network.settings == settings
    assert exact.network.encoder.folded_from is None and fast.network.encoder.folded_from
    laid_out = [packed(model.network.decoder.embedding.weight) is not None for model in (exact, fast)]
    assert laid_out == [False, can_pack(torch.float32)]
    photo = square("red", "left")
    assert made(photo).text == exact(photo).text == fast(photo).text
    assert fast(photo).log_prob == pytest.approx(made(photo).log_prob, abs=1e-2)
    exact.save(tmp_path / "again")
    with pytest.raises(SettingError, match="load it with exact=True to save it"):
        fast.save(tmp_path / "never")
    assert not (tmp_path / "never").exists()
