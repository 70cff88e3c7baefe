"""Captioners side by side: the folder they are read from, and what the tab “Inside” shows of them."""

import pytest
from captioner_toys import small_captioner
from toys import square

import captioner
from captioner import SearchSettings
from encoders.text import Vocabulary
from page.compare import captions_of, comparison_html, load_captioners
from page.inside import inside_html
from page.look import caption_photo
from page.site import Models
from runtime.errors import ModelError


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study's folder with two captioners that have one encoder and other words."""
    folder = tmp_path_factory.mktemp("study")
    small_captioner(cell="gru").save(folder / "models" / "gru")
    small_captioner(Vocabulary.build(["<b> big & small"])).save(folder / "models" / "lstm, <i>")
    return folder


def test_each_says_what_it_says_alone_and_the_photo_is_encoded_once(study):
    photo = square("red", "left")
    compared = load_captioners(study)
    assert list(compared) == list(load_captioners(study / "models")) == ["gru", "lstm, <i>"]
    encoders = [model.network.encoder for model in compared.values()]
    assert encoders[0] is encoders[1]
    session = []
    encoders[0].register_forward_pre_hook(lambda *_: session.append(1))
    alone = {name: captioner.load(study / "models" / name)(photo, SearchSettings(beam=1)).text for name in compared}
    assert captions_of(compared, photo) == alone and len(set(alone.values())) == 2
    assert len(session) == 1


def test_captioners_of_other_encoders_see_the_photo_by_their_own(study, tmp_path):
    (tmp_path / "gru").symlink_to(study / "models" / "gru")
    other = small_captioner()
    next(other.network.encoder.parameters()).data.neg_()
    other.save(tmp_path / "other")
    compared, photo = load_captioners(tmp_path), square("red", "left")
    gru, other = (compared[name].network.encoder for name in ("gru", "other"))
    assert gru is not other
    assert (
        captions_of(compared, photo)["other"] == captioner.load(tmp_path / "other")(photo, SearchSettings(beam=1)).text
    )


def test_the_tab_shows_them_below_the_captioner_in_use(study, tmp_path):
    square("red", "left").resize((320, 240)).save(tmp_path / "photo.png")
    session = caption_photo(Models(small_captioner()), str(tmp_path / "photo.png"), SearchSettings())
    compared = load_captioners(study)
    shown = inside_html(session, compared)
    assert shown.index("How far back") < shown.index("What other networks say of it")
    assert "<dt>lstm, &lt;i&gt;</dt>" in shown
    assert f"<dt>gru</dt><dd>{captions_of(compared, session.photo)['gru']}</dd>" in shown
    assert "other networks" not in inside_html(session) and comparison_html({}, session.photo) == ""


def test_a_folder_without_captioners_is_refused(tmp_path):
    with pytest.raises(ModelError, match="holds no captioners to compare; give the folder of a study"):
        load_captioners(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="was not written by glimpse"):
        load_captioners(tmp_path)
