"""Corrections: kept, and read again by the readers that training uses."""

import json
import multiprocessing
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
from training.workspace.corrections import MAX_CHARACTERS, Corrections

RED, BLUE = square("red", "left"), square("blue", "right")


@pytest.fixture
def corrections(tmp_path) -> Corrections:
    return Corrections(tmp_path / "corrections")


def captions_of(corrections: Corrections) -> list[set[str]]:
    return [set(record.captions) for record in read_captions(corrections.captions_folder).records]


def test_captions_are_a_data_set_that_the_readers_know(corrections):
    corrections.add_caption(RED, "a red square")
    corrections.add_caption(BLUE, " a  blue\nsquare ")
    read = read_captions(corrections.captions_folder)
    assert read.format == "coco" and not read.problems.counts
    assert [record.captions for record in read.records] == [("a red square",), ("a blue square",)]
    for record, photo in zip(read.records, (RED, BLUE), strict=True):
        again = open_photo(record.image)
        assert again.size == photo.size
        near = [abs(a - b) for a, b in zip(again.tobytes(), photo.tobytes(), strict=True)]
        assert sum(near) / len(near) < 4  # JPEG's own loss


def test_answers_are_a_data_set_that_the_readers_know(corrections):
    corrections.add_answer(RED, "what colour is it?", "red")
    corrections.add_answer(RED, "which side?", "left")
    corrections.add_answer(BLUE, "what colour is it?", 'blue, "navy"')
    read = read_questions(corrections.questions_folder)
    assert read.format == "table" and not read.problems.counts
    answers = [(r.question, r.answers, r.image.name) for r in read.records]
    assert [t[:2] for t in answers] == [
        ("what colour is it?", ("red",)), ("which side?", ("left",)), ("what colour is it?", ('blue, "navy"',)),
    ]  # fmt: skip
    assert answers[0][2] == answers[1][2] != answers[2][2]


def test_a_photo_corrected_again_is_one_photo_with_both_captions(corrections):
    corrections.add_caption(RED, "a red square")
    corrections.add_caption(RED.copy(), "a square on the left")
    corrections.add_caption(RED, "a red square")  # said already
    assert captions_of(corrections) == [{"a red square", "a square on the left"}] and len(corrections) == 2
    assert len(list((corrections.captions_folder / "photos").iterdir())) == 1


def test_a_question_answered_again_has_the_last_answer(corrections):
    for answer in ("blue", "green", "red"):
        corrections.add_answer(RED, "what colour is it?", answer)
    (record,) = read_questions(corrections.questions_folder).records
    assert record.answers == ("red",) and len(corrections) == 1


def test_captions_and_answers_count_and_are_there_in_a_new_object(corrections):
    assert len(corrections) == 0 and not corrections.folder.exists()
    corrections.add_caption(RED, "a red square")
    corrections.add_answer(RED, "which side?", "left")
    again = Corrections(corrections.folder)
    again.add_caption(BLUE, "a blue square")
    assert len(corrections) == len(again) == 3 and len(captions_of(corrections)) == 2


def test_photos_of_the_same_bytes_but_another_shape_are_two(corrections):
    corrections.add_caption(Image.new("RGB", (4, 8)), "tall")
    corrections.add_caption(Image.new("RGB", (8, 4)), "wide")
    corrections.add_caption(Image.new("L", (8, 4)), "wide and grey, the same pixels")
    assert [len(captions) for captions in captions_of(corrections)] == [1, 2]


def test_enough_corrections_can_be_trained_on(corrections):
    for shade, colour in enumerate(COLOURS):
        corrections.add_caption(square(colour, "left", shade), f"a {colour} square")
    read = read_captions(corrections.captions_folder)
    assert set(read.made) == {"val", "test"} and len(read.split("train")) == 2


def test_threads_lose_nothing(corrections):
    def correct(n: int) -> None:
        corrections.add_caption(square("red", "left", n % 5), f"caption {n}")
        corrections.add_answer(square("red", "left", n % 5), f"question {n}?", "yes")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(correct, range(40)))
    assert len(corrections) == 80 and sorted(map(len, captions_of(corrections))) == [8] * 5
    assert not list(corrections.folder.rglob("*.writing"))


def _correct_many(folder: Path, name: str, count: int, ready) -> None:
    """In a process of its own: so many corrections, half of them captions."""
    corrections = Corrections(folder)
    ready.wait()
    for n in range(count // 2):
        corrections.add_caption(square("red", "left", n % 5), f"caption {n} of {name}")
        corrections.add_answer(square("red", "left", n % 5), f"question {n} of {name}?", "yes")


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_two_processes_lose_nothing(corrections, count):
    processes = multiprocessing.get_context("forkserver")  # imports once, and forks for each process
    processes.set_forkserver_preload(["training.workspace.corrections"])
    ready = processes.Barrier(2)
    both = [processes.Process(target=_correct_many, args=(corrections.folder, name, count, ready)) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(corrections) == 2 * count and sorted(map(len, captions_of(corrections))) == [count // 5] * 5
    assert len(read_questions(corrections.questions_folder).records) == count
    assert not list(corrections.folder.rglob("*.writing"))


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MAX_CHARACTERS + 1)])
def test_an_empty_or_endless_text_is_refused_before_anything_is_written(corrections, text):
    for correct in (
        lambda: corrections.add_caption(RED, text),
        lambda: corrections.add_answer(RED, text, "yes"),
        lambda: corrections.add_answer(RED, "is it red?", text),
    ):
        with pytest.raises(SettingError, match=r"is empty; write one|write at most 500"):
            correct()
    assert not corrections.folder.exists()


def test_half_a_character_is_kept_as_a_question_mark(corrections):
    corrections.add_caption(RED, "a \ud83d square")
    assert captions_of(corrections) == [{"a ? square"}]


def test_there_is_an_end_to_what_is_kept(corrections, monkeypatch):
    monkeypatch.setattr(training.workspace.corrections, "MAX_CORRECTIONS", 1)
    corrections.add_caption(RED, "a red square")
    with pytest.raises(SettingError, match="1 corrections are kept already"):
        corrections.add_caption(BLUE, "a blue square")
    corrections.add_answer(RED, "which side?", "left")


def test_a_crash_while_writing_leaves_the_old_files(corrections, monkeypatch):
    corrections.add_caption(RED, "a red square")

    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DataError, match=r"captions\.json cannot be written .*No space left"):
            corrections.add_caption(RED, "a square on the left")
    assert captions_of(corrections) == [{"a red square"}]
    corrections.add_caption(RED, "a square on the left")
    assert len(corrections) == 2


def test_a_damaged_file_is_one_sentence(corrections):
    corrections.add_caption(RED, "a red square")
    (corrections.captions_folder / "captions.json").write_text(json.dumps({"images": []})[:-3])
    with pytest.raises(DataError, match="cannot be kept"):
        corrections.add_caption(BLUE, "a blue square")
