"""Corrections: kept, and read again by the readers that training uses."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from toys import COLOURS, square

import training.workspace.corrections
from encoders.images import open_photo
from runtime.errors import DataError, SettingError
from training.readers import read_captions
from training.readers.questions import read_questions
from training.workspace.corrections import LONGEST, Corrections

RED, BLUE = square("red", "left"), square("blue", "right")


@pytest.fixture
def kept(tmp_path) -> Corrections:
    return Corrections(tmp_path / "corrections")


def captions_of(kept: Corrections) -> list[set[str]]:
    return [set(record.captions) for record in read_captions(kept.captions_folder).records]


def test_captions_are_a_data_set_that_the_readers_know(kept):
    kept.add_caption(RED, "a red square")
    kept.add_caption(BLUE, " a  blue\nsquare ")
    read = read_captions(kept.captions_folder)
    assert read.format == "coco" and not read.problems.counts
    assert [record.captions for record in read.records] == [("a red square",), ("a blue square",)]
    for record, photo in zip(read.records, (RED, BLUE), strict=True):
        again = open_photo(record.image)
        assert again.size == photo.size
        near = [abs(a - b) for a, b in zip(again.tobytes(), photo.tobytes(), strict=True)]
        assert sum(near) / len(near) < 4  # JPEG's own loss


def test_answers_are_a_data_set_that_the_readers_know(kept):
    kept.add_answer(RED, "what colour is it?", "red")
    kept.add_answer(RED, "which side?", "left")
    kept.add_answer(BLUE, "what colour is it?", 'blue, "navy"')
    read = read_questions(kept.questions_folder)
    assert read.format == "table" and not read.problems.counts
    told = [(r.question, r.answers, r.image.name) for r in read.records]
    assert [t[:2] for t in told] == [
        ("what colour is it?", ("red",)), ("which side?", ("left",)), ("what colour is it?", ('blue, "navy"',)),
    ]  # fmt: skip
    assert told[0][2] == told[1][2] != told[2][2]


def test_a_photo_corrected_again_is_one_photo_with_both_captions(kept):
    kept.add_caption(RED, "a red square")
    kept.add_caption(RED.copy(), "a square on the left")
    kept.add_caption(RED, "a red square")  # said already
    assert captions_of(kept) == [{"a red square", "a square on the left"}] and len(kept) == 2
    assert len(list((kept.captions_folder / "photos").iterdir())) == 1


def test_a_question_answered_again_has_the_last_answer(kept):
    for answer in ("blue", "green", "red"):
        kept.add_answer(RED, "what colour is it?", answer)
    (record,) = read_questions(kept.questions_folder).records
    assert record.answers == ("red",) and len(kept) == 1


def test_captions_and_answers_count_and_are_there_in_a_new_object(kept):
    assert len(kept) == 0 and not kept.folder.exists()
    kept.add_caption(RED, "a red square")
    kept.add_answer(RED, "which side?", "left")
    again = Corrections(kept.folder)
    again.add_caption(BLUE, "a blue square")
    assert len(kept) == len(again) == 3 and len(captions_of(kept)) == 2


def test_photos_of_the_same_bytes_but_another_shape_are_two(kept):
    kept.add_caption(Image.new("RGB", (4, 8)), "tall")
    kept.add_caption(Image.new("RGB", (8, 4)), "wide")
    kept.add_caption(Image.new("L", (8, 4)), "wide and grey, the same pixels")
    assert [len(captions) for captions in captions_of(kept)] == [1, 2]


def test_enough_corrections_can_be_trained_on(kept):
    for shade, colour in enumerate(COLOURS):
        kept.add_caption(square(colour, "left", shade), f"a {colour} square")
    read = read_captions(kept.captions_folder)
    assert set(read.made) == {"val", "test"} and len(read.split("train")) == 2


def test_threads_lose_nothing(kept):
    def correct(n: int) -> None:
        kept.add_caption(square("red", "left", n % 5), f"caption {n}")
        kept.add_answer(square("red", "left", n % 5), f"question {n}?", "yes")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(correct, range(40)))
    assert len(kept) == 80 and sorted(map(len, captions_of(kept))) == [8] * 5
    assert not list(kept.folder.rglob("*.writing"))


@pytest.mark.parametrize("text", ["", "  \n", "x" * (LONGEST + 1)])
def test_an_empty_or_endless_text_is_refused_before_anything_is_written(kept, text):
    for correct in (
        lambda: kept.add_caption(RED, text),
        lambda: kept.add_answer(RED, text, "yes"),
        lambda: kept.add_answer(RED, "is it red?", text),
    ):
        with pytest.raises(SettingError, match=r"is empty; write one|write at most 500"):
            correct()
    assert not kept.folder.exists()


def test_half_a_character_is_kept_as_a_question_mark(kept):
    kept.add_caption(RED, "a \ud83d square")
    assert captions_of(kept) == [{"a ? square"}]


def test_there_is_an_end_to_what_is_kept(kept, monkeypatch):
    monkeypatch.setattr(training.workspace.corrections, "MOST", 1)
    kept.add_caption(RED, "a red square")
    with pytest.raises(SettingError, match="1 corrections are kept already"):
        kept.add_caption(BLUE, "a blue square")
    kept.add_answer(RED, "which side?", "left")


def test_a_crash_while_writing_leaves_the_old_files(kept, monkeypatch):
    kept.add_caption(RED, "a red square")

    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DataError, match=r"captions\.json cannot be written .*No space left"):
            kept.add_caption(RED, "a square on the left")
    assert captions_of(kept) == [{"a red square"}]
    kept.add_caption(RED, "a square on the left")
    assert len(kept) == 2


def test_a_damaged_file_is_one_sentence(kept):
    kept.add_caption(RED, "a red square")
    (kept.captions_folder / "captions.json").write_text(json.dumps({"images": []})[:-3])
    with pytest.raises(DataError, match="cannot be kept"):
        kept.add_caption(BLUE, "a blue square")
