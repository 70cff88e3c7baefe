"""Looking a data set over: copies by content, photos that cannot be opened, words, answers, what would ruin a run."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toys import coco_folder, square
from vqa_toys import PRE, question_folder, small_answerer

from captioner import Captioner, DecoderSettings
from encoders.cnn import ImageEncoder
from encoders.text import Vocabulary
from runtime.errors import DataError
from training.checks import check as module
from training.checks import estimate
from training.checks.check import QuickReport, check, check_quickly, unopenable_photos_fault
from training.checks.estimate import measure
from training.checks.photo_files import CHUNK, CheckProgress, find_duplicates, find_unopenable, photos_by_split
from training.checks.report import Needs, Report, leak_sentence
from training.checks.wording import answering, unknown_share, wording
from training.config.task import CaptionSettings
from training.readers import read_captions
from training.readers.records import CaptionRecord, QuestionRecord
from training.tasks.captioner import CaptionTask
from training.tasks.question_data import read_all
from vqa.answers import AnswerSet


def result(generator):
    """What a generator returns, and what it yielded."""
    progress = []
    while True:
        try:
            progress.append(next(generator))
        except StopIteration as stop:
            return stop.value, progress


def captioner(texts, min_count=1):
    torch.manual_seed(0)
    vocabulary = Vocabulary.build(texts, min_count=min_count)
    return Captioner.build(ImageEncoder("tiny", image_size=32), vocabulary, PRE, DecoderSettings(16, 16, 8))


def of(records):
    return captioner([c for r in records if r.split == "train" for c in r.captions])


@pytest.fixture
def data(tmp_path):
    return coco_folder(tmp_path / "coco")


# Copies


def test_copies_are_found_by_content_whatever_their_names(tmp_path):
    names = {"train": ["a", "b", "c", "a2"], "val": ["d", "e"], "test": ["b2", "d2", "f"]}
    shades = {"a": 1, "a2": 1, "b": 2, "b2": 2, "c": 3, "d": 4, "d2": 4, "e": 5, "f": 6}
    splits = {}
    for split, photos in names.items():
        splits[split] = [tmp_path / f"{name}.png" for name in photos]
        for path in splits[split]:
            square("red", "left", shades[path.stem]).save(path, compress_level=0)  # so that all have the same size
    assert len({path.stat().st_size for photos in splits.values() for path in photos}) == 1
    copies, progress = result(find_duplicates(splits))
    assert copies.within == {"train": 1}
    assert [(leak.split, leak.also_in, leak.photos, leak.examples) for leak in copies.leaks] == [
        ("test", "train", 1, (("b2.png", "b.png"),)),
        ("test", "val", 1, (("d2.png", "d.png"),)),
    ]
    assert copies.leaks[0].share == pytest.approx(1 / 3)
    assert leak_sentence(copies.leaks[0]) == (
        "1 of the 3 test photos (33.3%) are also in train, such as b2.png (there b.png)"
    )
    assert progress[-1] == CheckProgress("comparing photos", 9, 9)


def test_a_photo_that_is_in_two_splits_itself_is_a_leak_and_a_missing_file_is_none(tmp_path):
    square("red", "left").save(tmp_path / "a.png")
    splits = {"train": [tmp_path / "a.png", tmp_path / "gone.png"], "val": [tmp_path / "a.png", tmp_path / "gone2.png"]}
    copies, progress = result(find_duplicates(splits))
    assert [leak.photos for leak in copies.leaks] == [1] and not progress, "one file of its size need not be read"
    assert leak_sentence(copies.leaks[0]).endswith("such as a.png")


# Photos that cannot be opened


@pytest.mark.parametrize("kind", ["cut.jpg", "cut.png", "empty.jpg", "text.jpg", "gone.jpg"])
def test_a_damaged_photo_is_found_even_when_it_is_decoded_small(tmp_path, kind):
    good, bad = tmp_path / "good.jpg", tmp_path / kind
    photo = square("red", "left").resize((640, 480))
    photo.save(good)
    if kind.startswith("cut"):
        photo.save(bad)
        bad.write_bytes(bad.read_bytes()[: int(bad.stat().st_size * 0.8)])
    elif kind != "gone.jpg":
        bad.write_text("" if kind == "empty.jpg" else "not a photo")
    found, progress = result(find_unopenable([good, bad, good]))
    assert list(found) == [bad] and kind in found[bad] and [d.done for d in progress] == [1, 2, 3]


def test_more_photos_than_are_opened_at_once(tmp_path):
    square("red", "left").save(tmp_path / "a.png")
    found, progress = result(find_unopenable([tmp_path / "a.png"] * CHUNK + [tmp_path / "gone.png"]))
    assert list(found) == [tmp_path / "gone.png"] and progress[-1].done == CHUNK + 1


# Words


def caption_record(*texts, split="train", image="a.jpg"):
    return CaptionRecord(Path(image), image, texts, split)


def test_words_lengths_and_what_a_vocabulary_would_not_know():
    records = [
        caption_record("a dog runs", "a dog"),
        caption_record("a cat runs fast", image="b.jpg"),
        caption_record("a dog sits down", split="val", image="c.jpg"),
    ]
    found = wording(records)
    assert (found.texts, found.least, found.most, found.mean) == (4, 1, 2, pytest.approx(4 / 3))
    assert found.lengths == {2: 1, 3: 1, 4: 2}
    assert found.longest == {"words": 4, "text": "a dog sits down", "image": "c.jpg"}
    assert found.words == 7
    assert {n: (k.words, k.unknown) for n, k in found.by_count.items()} == {
        1: (5, 0.5), 2: (3, 0.5), 3: (1, 0.75), 5: (0, 1.0), 10: (0, 1.0),
    }  # fmt: skip
    assert found.by_size == {}, "there are fewer words than the smallest size"
    assert wording(records[:2]).by_count[1].unknown is None


def test_the_unknown_share_by_count_and_by_size_is_that_of_the_vocabulary():
    texts = [f"w{n} " * (1 + n % 7) for n in range(1500)]
    records = [
        caption_record(*texts),
        caption_record(*(f"w{n}" for n in range(0, 3000, 2)), split="test", image="b.jpg"),
    ]
    found = wording(records)
    for count, known in found.by_count.items():
        vocabulary = Vocabulary.build(texts, min_count=count)
        assert known.words == len(vocabulary) - 4
        assert known.unknown == pytest.approx(unknown_share(vocabulary, records[1].captions))
    vocabulary = Vocabulary.build(texts, max_size=1000)
    assert list(found.by_size) == [1000] and found.by_size[1000].words == len(vocabulary) - 4
    assert found.by_size[1000].unknown == pytest.approx(unknown_share(vocabulary, records[1].captions), abs=0.05)


def test_scripts_are_counted_by_letters():
    found = wording([caption_record("собака 12!", "dogs", "狗")])
    assert found.scripts == {"Cyrillic": pytest.approx(6 / 11), "Latin": pytest.approx(4 / 11), "Cjk": 1 / 11}
    assert found.other_scripts == pytest.approx(7 / 11)
    assert wording([caption_record("12 !")]).scripts == {}


def asked(number, answers, split="train"):
    return QuestionRecord(Path("a.jpg"), str(number), "what?", tuple(answers), split)


def test_the_coverage_curve_is_the_answer_set_s():
    people = [["a"] * 10, ["a"] * 5 + ["b"] * 5, ["c"] * 2 + ["d"] * 8, [f"x{n}" for n in range(10)]]
    train = [asked(f"t{n}", people[n % 3]) for n in range(9)] + [asked(f"x{n}", [f"y{n}"]) for n in range(12)]
    val = [asked(f"v{n}", answers, "val") for n, answers in enumerate(people)]
    found = answering([*train, *val, asked("none", [], "val")])
    known = AnswerSet.build(r.answers for r in train)
    assert found.answers == len(known) == 16 and found.unanswered == 1
    for split, records in (("train", train), ("val", val)):
        assert list(found.coverage[split]) == [10, 16]
        for size, share in found.coverage[split].items():
            assert share == pytest.approx(AnswerSet(known.answers[:size]).coverage(r.answers for r in records))
    assert found.coverage["val"][16] == pytest.approx((1 + 1 + 1 + 0) / 4)
    assert answering([asked("v", ["a"], "val")]) is None


# The whole


def test_a_whole_report(data, tmp_path):
    (data / "train" / "train_001.png").write_text("not a photo")
    rows = json.loads((data / "captions_train.json").read_text())
    rows["images"].append({"id": 999, "file_name": "gone.png"})
    rows["annotations"].append({"id": 9990, "image_id": 999, "caption": "it is gone"})
    (data / "captions_train.json").write_text(json.dumps(rows))
    found = read_captions(data)
    model = of(found.records)

    def task_of(few, cache, batch):
        return CaptionTask(model, few, CaptionSettings(batch=batch, beam=1), epochs=1, seed=1, cache=cache)

    timing = measure(task_of, found.records, batch=8, disk=tmp_path)
    *progress, report = check(found, model, measure=timing)
    assert {d.what for d in progress} >= {"comparing photos", "opening photos", "measuring: steps"}
    assert isinstance(report, Report) and (report.kind, report.format) == ("captions", "coco")
    photos = report.photos
    assert (photos.found, photos.splits) == (40, {"train": 24, "val": 8, "test": 8})
    assert (photos.missing, photos.undecodable, list(photos.why)) == (1, 1, ["train_001.png"])
    assert report.left_out["images are missing"].examples == ("train/gone.png",)
    assert report.prospect.unknown == 0 and report.prospect.words == len(model.vocabulary)
    needs = report.needs
    assert needs.disk == 32 * 4 * 256 * 2, "train and val photos, a grid of 2 x 2, 256 features, two bytes each"
    assert needs.disk_free > 0 and min(needs.caching, needs.epoch, needs.validation) > 0
    assert needs.memory is None or needs.memory > 1e8
    assert report.stops == ()


def test_not_opened_and_not_measured(data):
    found = read_captions(data)
    *_, report = check(found, of(found.records), open_photos=False)
    assert report.photos.undecodable is None and report.needs is None


def test_what_cannot_be_measured_is_a_reason_to_stop(data):
    found = read_captions(data)
    found.records = [r for r in found.records if r.split != "val"]
    *_, report = check(found, of(found.records), measure=measure(None, found.records, batch=8, disk=data))
    assert report.needs is None and report.stops == ("the data has no val photo; add some, or name their split.",)


def test_a_model_that_cannot_be_made_is_a_reason_to_stop_and_the_rest_is_told(tmp_path):
    found = read_all([question_folder(tmp_path)])
    *_, report = check(found, DataError("none of 3 answers was given 9 times; give more."))
    assert report.prospect is None and report.stops == ("none of 3 answers was given 9 times; give more.",)
    assert report.photos.found and report.answering.answers == 8
    found.records[:] = [record for record in found.records if record.split == "val"]
    *_, report = check(found, DataError("what follows from it"))
    assert report.stops == ("the data has no train photo; add some, or name their split.",)


# Time


def lengthy(*lengths: int) -> list[CaptionRecord]:
    return [caption_record("x" * length, "x", image=f"{n}.jpg") for n, length in enumerate(lengths)]


def test_lengths_of_texts():
    lengths = estimate.text_lengths([*lengthy(5, 900, 7), caption_record("x" * 99, split="val", image="v.jpg")])
    assert list(lengths.values()) == [5, 900, 7]
    usual = estimate.sample_typical(dict(zip("abcdefghijk", range(100, 111), strict=True)), 50)
    assert sorted(usual) == list("abcdefghi"), "all but the longest tenth"
    assert estimate.truncate_texts(caption_record("abc", "d"), 2).captions == ("ab", "d")
    assert estimate.truncate_texts(asked(1, ["a"]), 3).question == "wha"
    assert estimate.excess_length(dict.fromkeys(range(64), 10) | {3: 1000}, 10, 32) == 990
    assert estimate.excess_length(dict.fromkeys(range(64), 20), 10, 32) == 20, "ten in each of two steps"


def test_one_very_long_text_counts_once_an_epoch_and_is_not_waited_for(data, tmp_path, monkeypatch):
    found = read_captions(data)
    first = next(n for n, record in enumerate(found.records) if record.split == "train")
    model, measured = of(found.records), []

    def task_of(few, cache, batch):
        return CaptionTask(model, few, CaptionSettings(batch=batch, beam=1), epochs=1, seed=1, cache=cache)

    def steps(task, count):  # a second, and a hundredth for each character of the longest text
        measured.append(max(len(text) for record in task.records for text in record.captions))
        yield from [1 + measured[-1] / 100] * count

    monkeypatch.setattr(estimate, "_steps", steps)
    for length in (None, 5000):
        if length:
            found.records[first] = replace(found.records[first], captions=("x" * length,))
        *_, needs = measure(task_of, found.records, batch=4, disk=tmp_path)
        usual, longer = measured[-2:]
        assert longer <= 4 * usual
        wanted = 24 / 4 * (1 + usual / 100) + max(0, (length or usual) - usual) / 100
        assert needs.epoch == pytest.approx(wanted)


@pytest.mark.parametrize("words", [8, 300], ids=["usual captions", "one very long caption"])
def test_an_epoch_takes_about_what_is_said(data, tmp_path, monkeypatch, words):
    """In seconds of this process, which others beside it do not change."""
    monkeypatch.setattr(estimate.time, "perf_counter", time.process_time)
    found = read_captions(data)
    first = next(n for n, record in enumerate(found.records) if record.split == "train")
    found.records[first] = replace(found.records[first], captions=(" ".join(["red"] * words),))
    model, threads = of(found.records), torch.get_num_threads()
    torch.set_num_threads(1)

    def task_of(few, cache, batch):
        return CaptionTask(model, few, CaptionSettings(batch=batch, beam=1), epochs=1, seed=1, cache=cache)

    *_, needs = measure(task_of, found.records, batch=24, disk=tmp_path)
    task = task_of(found.records, tmp_path / "cache", 24)
    list(task.prepare())
    taken = estimate.median(list(estimate._steps(task, 6, torch.optim.AdamW))[1:])
    torch.set_num_threads(threads)
    assert taken / 2 < needs.epoch < taken * 2, "one step is an epoch here"


def verdict(found, model) -> QuickReport:
    *_, last = check_quickly(found, model)
    return last


def test_a_disk_that_is_too_small_is_a_reason_to_stop(data):
    found = read_captions(data)
    small = Needs(disk=20 * 10**9, disk_free=10**9, memory=None, gpu_memory=None, caching=1, epoch=1, validation=1)
    *_, report = check(found, of(found.records), measure=iter([small]))
    assert report.stops == ("the cache takes 20.0 GB and there are 1.0 GB free; name another disk with --cache.",)


def test_questions_are_looked_over_too(tmp_path):
    found = read_all([question_folder(tmp_path)])
    *_, report = check(found, small_answerer())
    assert (report.kind, report.format) == ("questions", "table")
    assert report.answering.answers == 8 and report.prospect.covered == 1.0 and report.stops == ()


# What would ruin a run


def test_good_data_are_not_refused(data):
    found = read_captions(data)
    assert verdict(found, of(found.records)).stops == ()


@pytest.mark.parametrize(("share", "refused"), [(1, False), (3, True)])
def test_a_leak_beyond_a_small_share_is_refused(data, monkeypatch, share, refused):
    monkeypatch.setattr(module, "MAX_LEAKED", 0.2)
    for n in range(1, share + 1):
        copy = data / "train" / f"train_{n:03}.png"
        (data / "test" / f"test_{n:03}.png").write_bytes(copy.read_bytes())
    found = read_captions(data)
    stops = verdict(found, of(found.records)).stops
    assert bool(stops) == refused
    assert all("3 of the 8 test photos (37.5%) are also in train, such as test_001.png" in s for s in stops)


def test_most_photos_missing_is_refused_and_half_is_not(data):
    for file in (data / "train").iterdir():
        if file.name != "train_001.png":
            file.unlink()
    found = read_captions(data)
    [stop] = verdict(found, of(found.records)).stops
    assert stop.startswith("23 of 40 photos were not found, such as train/train_002.png")


def test_a_vocabulary_that_knows_nothing_is_refused(data):
    found = read_captions(data)
    [stop] = verdict(found, captioner(["a"])).stops
    assert "would know 5 words" in stop and "--unit character" in stop


def test_answers_that_do_not_come_again_are_refused(tmp_path):
    found = read_all([question_folder(tmp_path)])
    [stop] = verdict(found, small_answerer(answers=("zebra", "maroon"))).stops
    assert "with its 2 answers, 0% of the val questions" in stop


def test_photos_that_cannot_be_opened_are_refused_when_they_are_most():
    assert (
        unopenable_photos_fault(5, 10) == () and "6 of 10 photos cannot be opened" in unopenable_photos_fault(6, 10)[0]
    )


def test_the_splits_of_records():
    records = [asked(1, ["a"], "val"), asked(2, ["a"], "val"), asked(3, ["a"], "train")]
    assert {split: len(photos) for split, photos in photos_by_split(records).items()} == {"train": 1, "val": 1}


def test_the_page_says_the_limits():
    page = (Path(__file__).resolve().parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    assert f"more than {module.MAX_LEAKED:.0%} of the split" in page
    assert f"less than {module.MIN_COVERED:.0%}" in page
    assert module.MAX_MISSING == module.MAX_UNOPENABLE == module.MAX_UNKNOWN == 0.5 and "more than half" in page
