"""The tab “Inside”, from its functions."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from captioner_toys import small_captioner
from PIL import Image, ImageColor
from toys import square

from captioner import SearchSettings, inside
from page.inside import (
    GREEN,
    LOOKED,
    NO_PHOTO,
    NOT_PYTORCH,
    NOTES,
    UNITS,
    bar,
    candidates_html,
    gates_html,
    inside_html,
    reach_html,
    strip,
)
from page.look import caption_photo
from page.site import Models


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    path = tmp_path_factory.mktemp("inside") / "photo.png"
    square("red", "left").resize((320, 240)).save(path)
    return caption_photo(Models(small_captioner()), str(path), SearchSettings())


def test_every_word_has_its_card(session):
    shown = inside_html(session)
    words = [w.text for w in session.caption.words]
    assert [f"<h3>{n}. {w}</h3>" in shown for n, w in enumerate(words, 1)] == [True] * len(words)
    assert shown.count('class="strip"') == len(words) * 3 * 2  # gates, layers
    assert shown.count("image/jpeg") == len(words) and "<b>forget</b>" in shown
    assert f"How far back “{words[-1]}” reaches" in shown


def test_without_a_photo_or_words_or_pytorch_it_says_so(session, monkeypatch):
    assert inside_html(None) == NO_PHOTO
    assert inside_html(replace(session, caption=replace(session.caption, words=()))) == NO_PHOTO
    other = type(session.captioner)(
        object.__new__(Engine), session.captioner.vocabulary, session.captioner.preprocessing
    )
    assert inside_html(replace(session, captioner=other)) == NOT_PYTORCH


class Engine:
    image_size, grid = 32, (1, 1)


def test_numbers_are_bars_and_strips():
    assert "width: 25.0%" in bar("<b>", 0.25, "0.25") and "&lt;b&gt;" in bar("<b>", 0.25, "0.25")
    one, other = strip(np.zeros(24), "units"), strip(np.ones(24), "units")
    assert one != other and one.startswith('<img src="data:image/png;base64,')
    assert "layer" not in gates_html({"input": np.full((2, 1, 6), 0.5)}, 1)
    assert ">0.50<" in gates_html({"input": np.full((2, 1, 6), 0.5)}, 1)


def test_a_strip_is_green_where_a_gate_is_open_and_clear_where_it_is_shut():
    data = base64.b64decode(strip(np.array([0.0, 1.0]), "units").split("base64,")[1].split('"')[0])
    ((shut, opened),) = np.asarray(Image.open(io.BytesIO(data))).tolist()
    assert (shut[3], opened) == (0, [*ImageColor.getrgb(GREEN), 255])


def test_the_word_said_is_bold_wherever_it_stands(session):
    kind = type(session.caption.words[0])
    shown = candidates_html((kind("in", 0.4), kind("on", 0.3)), "on")
    assert "<strong>on</strong>" in shown and "<strong>in" not in shown


def test_a_cell_without_gates_is_not_told_of_strips(session, monkeypatch):
    assert UNITS in inside_html(session)
    inspect = inside.inspect_caption
    monkeypatch.setattr(inside, "inspect_caption", lambda *given: replace(inspect(*given), cell="rnn", gates={}))
    shown = inside_html(session)
    assert UNITS not in shown and NOTES["rnn"] in shown and LOOKED in shown


def test_special_words_are_named_and_the_largest_gradient_is_one(session):
    end = type(session.caption.words[0])("<end>", 0.5)
    assert "(the end)" in candidates_html((end,), "dog") and "50%" in candidates_html((end,), "dog")
    shown = reach_html(["a", "dog"], np.array([1.0, 4.0]))
    assert ">0.25<" in shown and ">1.00<" in shown and "“dog”" in shown
