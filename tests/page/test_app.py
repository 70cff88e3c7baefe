"""Starting `python app.py`: what it refuses, and who may write."""

import os
import shutil
import socket

import pytest
from captioner_toys import small_captioner
from typer.testing import CliRunner
from vqa_toys import small_answerer

import app
from page.guard import Hosts
from page.serve import bind, serve, url
from page.site import Models
from runtime.errors import ModelError, SettingError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained captioner's folder."""
    return small_captioner().save(tmp_path_factory.mktemp("model") / "m")


def test_models_are_found_by_their_folders(model, tmp_path):
    models = app._models(str(model), str(small_answerer().save(tmp_path / "vqa")), "torch")
    assert models.answerer.shares_encoder_with(models.captioner) is False and models.answerer.answers[0] == "red"
    for names in (("nowhere", "bundled-vqa"), (str(model), "nowhere")):
        with pytest.raises(ModelError, match="nowhere does not exist"):
            app._models(*names, None)


def test_without_a_bundled_model_for_questions_the_page_has_captions(model, monkeypatch, capsys):
    monkeypatch.setattr("vqa.BUNDLED", "nowhere")
    assert app._models(str(model), "nowhere", None).answerer is None
    assert "questions are off: nowhere does not exist" in capsys.readouterr().err


def test_the_engine_is_that_of_both_models():
    for engine, int8 in ((None, False), ("onnx-int8", True)):
        models = app._models("bundled-captioner", "bundled-vqa", engine)
        assert models.answerer.shares_encoder_with(models.captioner) and models.captioner.engine.encoder.int8 == int8


def test_data_sets_of_a_folder_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(SettingError, match="nowhere is no folder; give the folder of your data sets with --data-root"):
        app.main(data_root=tmp_path / "nowhere")


def test_mcp_without_its_extra_is_one_sentence(model, monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"pip install '\.\[mcp\]'"):
        app.main(mcp=True, captioner=str(model))


def test_the_captioners_compared_are_those_of_the_folder_given(model, tmp_path, monkeypatch):
    shutil.copytree(model, tmp_path / "models" / "one")
    sites = []
    monkeypatch.setattr(app, "_models", lambda *names: Models(small_captioner()))
    monkeypatch.setattr(app, "page", sites.append)
    monkeypatch.setattr(app, "serve", lambda *given, **more: None)
    monkeypatch.setattr(app.signal, "signal", lambda *given: None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "put back after this test")
    app.main(compare=tmp_path)
    app.main()
    assert [list(site.compared) for site in sites] == [["one"], []]


@pytest.mark.parametrize("host, port", [("no such host", 0), ("1.2.3.4", 0), ("::g", 0)])
def test_an_address_that_cannot_be_served_is_one_sentence(host, port):
    with pytest.raises(SettingError, match=rf"{host}:{port} cannot be served \(.*\); choose another --host or --port"):
        bind(host, port)


@pytest.mark.parametrize(
    ("host", "opened"),
    [
        ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "localhost"),
        ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"),  # every network
    ],
)  # fmt: skip
def test_an_address_of_either_kind_is_listened_on(host, opened):
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with bind(host, 0) as listening:
        port = listening.getsockname()[1]
        socket.create_connection((opened.strip("[]"), port), 5).close()
        with pytest.raises(SettingError, match=f"port {port} of {host} is in use, perhaps by another Glimpse; choose"):
            bind(host, port)
    assert url(host, 80) == f"http://{opened}:80"


def test_a_public_link_is_refused(monkeypatch):
    monkeypatch.setenv("GRADIO_SHARE", "True")
    with pytest.raises(SettingError, match="--behind-proxy"):
        serve(None, Hosts("127.0.0.1"), 0, None)


def test_the_password_is_taken_from_the_environment_and_not_handed_on(monkeypatch):
    monkeypatch.setenv("GLIMPSE_AUTH", "ann")
    assert "a colon between them" in str(CliRunner().invoke(app.app, []).exception)
    monkeypatch.setattr(app, "_models", lambda *_: pytest.fail("the models were loaded"))
    with pytest.raises(SettingError, match="is no host"):
        app.main(auth="ann:x", allowed_host=["http://x"])
    assert "GLIMPSE_AUTH" not in os.environ


@pytest.mark.parametrize("options, writable, local_only", [
    ({}, True, True), ({"host": "[::1]"}, True, True), ({"host": "0.0.0.0"}, False, True),
    ({"behind_proxy": True}, False, True), ({"host": "0.0.0.0", "auth": "ann:secret"}, True, False),
])  # fmt: skip
def test_only_this_machine_and_those_with_a_password_may_write(
    model, monkeypatch, tmp_path, options, writable, local_only
):
    sites = []
    monkeypatch.setattr(app, "page", sites.append)
    monkeypatch.setattr(app, "serve", lambda *_, **__: None)
    monkeypatch.setattr("vqa.BUNDLED", "nowhere")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    app.main(**options, captioner=str(model), vqa="nowhere", workspace=tmp_path)
    assert [(site.writable, site.local_only) for site in sites] == [(writable, local_only)]
