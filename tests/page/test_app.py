"""Starting `python app.py`: what it refuses, and who may write."""

import pytest
from captioner_toys import small_captioner
from vqa_toys import small_answerer

import app
from runtime.errors import ModelError, SettingError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained captioner's folder."""
    return small_captioner().save(tmp_path_factory.mktemp("model") / "m")


@pytest.mark.parametrize("auth", ["ann", ":secret", "ann:", ""])
def test_a_login_has_a_user_and_a_password(auth):
    with pytest.raises(SettingError, match="--auth needs a user and a password"):
        app.main(auth=auth)


def test_a_password_may_have_colons():
    assert app._login("ann:a:b") == ("ann", "a:b") and app._login(None) is None


@pytest.mark.parametrize("host, own", [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("example.org", False),
])  # fmt: skip
def test_only_loopback_is_this_machine_alone(host, own):
    assert app._is_loopback(host) is own


def test_models_are_found_by_their_folders(model, tmp_path):
    models = app._models(str(model), str(small_answerer().save(tmp_path / "vqa")))
    assert models.answerer.sees_like(models.captioner) is False and models.answerer.answers[0] == "red"
    for names in (("nowhere", "bundled-vqa"), (str(model), "nowhere")):
        with pytest.raises(ModelError, match="nowhere does not exist"):
            app._models(*names)


def test_without_a_bundled_model_for_questions_the_page_has_captions(model, monkeypatch, capsys):
    monkeypatch.setattr("vqa.BUNDLED", "nowhere")
    assert app._models(str(model), "nowhere").answerer is None
    assert "questions are off: nowhere does not exist" in capsys.readouterr().err


def test_mcp_without_its_extra_is_one_sentence(model, monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"pip install '\.\[mcp\]'"):
        app.main(mcp=True, captioner=str(model))


@pytest.mark.parametrize("error", [OSError("Cannot find empty port in range: 80-80."), ValueError("bad host")])
def test_an_address_that_cannot_be_served_is_one_sentence(monkeypatch, error):
    for name in ("get", "async_validate_url"):  # `serve` replaces them for good
        monkeypatch.setattr(f"safehttpx.{name}", None)

    class Page:
        queue = staticmethod(lambda **_: None)

        def launch(self, **_):
            raise error

    with pytest.raises(SettingError, match=r"h:80 cannot be served \(.*\); choose another --host or --port"):
        app.serve(Page(), "h", 80, None)


@pytest.mark.parametrize("login, host, writable", [
    (None, "127.0.0.1", True), (None, "0.0.0.0", False), ("ann:secret", "0.0.0.0", True),
])  # fmt: skip
def test_only_this_machine_and_those_with_a_password_may_write(model, monkeypatch, tmp_path, login, host, writable):
    sites = []
    monkeypatch.setattr(app, "page", sites.append)
    monkeypatch.setattr(app, "serve", lambda *_, **__: None)
    monkeypatch.setattr("vqa.BUNDLED", "nowhere")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    app.main(auth=login, host=host, captioner=str(model), vqa="nowhere", workspace=tmp_path)
    assert [site.writable for site in sites] == [writable]
