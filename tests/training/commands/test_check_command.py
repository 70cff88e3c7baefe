"""`python -m training check`, the same check before a training run, and the scores before and after one."""

import json
import shutil
from types import SimpleNamespace

import pytest
from PIL import Image
from toys import coco_folder, square
from typer.testing import CliRunner
from vqa_toys import question_folder

from runtime.checkpoint import read_config
from runtime.errors import DataError, GlimpseError, SettingError
from training.__main__ import app
from training.commands.check import kind_of
from training.commands.run import score_before_and_after, scoring_split
from training.config.commands import CaptionerConfig
from training.readers import read_captions

QUICK = ["--epochs", 1, "--batch", 8, "--precision", 32]
CAPTIONER = [*QUICK, "--encoder", "tiny", "--image-size", 32, "--min-count", 1, "--beam", 1,
             "--embedding", 16, "--attention", 16, "--hidden", 16]  # fmt: skip
VQA = [*QUICK, "--preset", "easy-vqa", "--image-size", 32, "--embedding", 8, "--hidden", 16, "--attention", 8]


def call(*arguments, status=0):
    """(standard output, standard error) of one call; a user's mistake comes out as its GlimpseError."""
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.stdout, " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return coco_folder(tmp_path_factory.mktemp("coco"))


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    return question_folder(tmp_path_factory.mktemp("questions"))


@pytest.fixture
def leaking(data, tmp_path):
    """Half of the test photos are training photos under other names."""
    shutil.copytree(data, tmp_path / "leaking")
    for n in range(1, 5):
        photo = tmp_path / "leaking" / "train" / f"train_{n:03}.png"
        shutil.copy(photo, tmp_path / "leaking" / "test" / f"test_{n:03}.png")
    return tmp_path / "leaking"


# check


def test_json_is_one_object_with_all_of_it(data):
    out, _ = call("check", data, "--json", "--encoder", "tiny", "--image-size", 32, "--min-count", 1)
    report = json.loads(out)
    assert out.count("\n") == 1 and report["data"] == [str(data)]
    assert (report["kind"], report["format"], report["stops"]) == ("captions", "coco", [])
    assert report["photos"]["splits"] == {"train": 24, "val": 8, "test": 8} and report["photos"]["undecodable"] == 0
    assert report["wording"]["by_count"]["1"] == {"words": 11, "unknown": 0.0}
    assert report["wording"]["scripts"] == {"Latin": 1.0} and report["answering"] is None
    assert report["needs"]["disk"] == 32 * 4 * 256 * 2 and report["needs"]["epoch"] > 0
    assert report["copies"] == {"within": {}, "leaks": []}


def test_the_report_for_people(data):
    out, err = call("check", data, "--quick")
    for words in ("captions, format coco", "40: train 24, val 8, test 8", "0 missing; not opened", "is nowhere twice",
                  "80; 2 to 2 a photo", "Latin 100.0%", "--min-count 5", "training can begin"):  # fmt: skip
        assert words in out
    assert "to prepare" not in out and "{" not in out + err
    assert "told of --start-from bundled-captioner" in err and "questions" not in err
    assert "--start-from" not in call("check", data, "--quick", "--encoder", "tiny", "--image-size", 32)[1]


def test_what_is_looked_for_and_what_would_be_trained_are_chosen(data, questions, tmp_path, monkeypatch):
    with pytest.raises(GlimpseError, match="the captions of 40 photos give no question"):
        call("check", data, "--quick", "--kind", "questions")
    with pytest.raises(GlimpseError, match="nowhere does not exist"):
        call("check", data, "--quick", "--start-from", tmp_path / "nowhere")
    measured = []

    def measure(task_of, records, *, batch, disk):
        measured.append(task_of(records, tmp_path, batch).settings)

    monkeypatch.setattr("training.commands.check.measure", measure)
    for folder in (data, questions):
        for how in (["--finetune-encoder"], []):
            call("check", folder, "--encoder", "tiny", "--image-size", 32, "--min-count", 1, "--batch", 7, *how)
    assert [(s.batch, s.finetune_encoder) for s in measured] == [(7, True), (7, False)] * 2


def test_the_column_of_splits_and_the_beginning_of_names_are_the_owner_s(tmp_path):
    (tmp_path / "older").mkdir()
    for n, name in enumerate(["a", "b", "c", "older/a"]):
        square("red", "left", n).save(tmp_path / f"{name}.png")
    rows = ["/there/a.png,a dog,train", "/there/b.png,a cat,train", "/there/c.png,a cow,val"]
    (tmp_path / "rows.csv").write_text("\n".join(["image,caption,part", *rows]) + "\n")
    quick = ["check", tmp_path, "--quick", "--json", "--encoder", "tiny", "--image-size", 32, "--min-count", 1]
    out, _ = call(*quick, "--split-column", "part", "--strip-prefix", "/there/")
    assert json.loads(out)["photos"]["splits"] == {"train": 2, "val": 1}
    assert json.loads(out)["photos"]["missing"] == 0


def test_a_data_set_that_would_be_refused_ends_with_1(leaking):
    out, _ = call("check", leaking, "--quick", status=1)
    assert "4 of the 8 test photos (50.0%) are also in train" in " ".join(out.split())
    assert "take these photos out of train" in " ".join(out.split()) and "training can begin" not in out


def test_data_without_a_train_split_or_an_answer_to_learn_are_reported_on(tmp_path):
    square("red", "left").save(tmp_path / "a.png")
    (tmp_path / "val.csv").write_text("image,question,answer\na.png,is it red?,yes\n")
    out, _ = call("check", tmp_path, status=1)
    out = " ".join(out.split())
    assert "1: val 1" in out and "the data has no train photo; add some, or name their split." in out
    (tmp_path / "val.csv").unlink()
    square("blue", "left").save(tmp_path / "b.png")
    rows = "image,question,answer,split\na.png,is it red?,yes,train\nb.png,is it red?,no,val\n"
    (tmp_path / "questions.csv").write_text(rows)
    report = json.loads(call("check", tmp_path, "--json", status=1)[0])
    assert report["prospect"] is None and report["needs"] is None
    assert report["stops"] == [
        "none of 1 different answers was given 2 times; give more questions with answers, or a smaller minimum count."
    ]


def test_questions_are_recognised_and_measured(questions):
    (questions / "val-red-left-15.png").rename(questions / "kept")
    square("red", "left", 15).resize((64, 64)).save(questions / "val-red-left-15.png")
    cut = questions / "test-red-left-25.png"
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    out, _ = call("check", questions, "--encoder", "tiny", "--image-size", 32, "--finetune-encoder")
    cut.write_bytes(whole)
    for words in ("questions and answers, format table", "1 cannot be opened", "damaged or cut short",
                  "--most-answers 8", "right in val", "an epoch and"):  # fmt: skip
        assert words in " ".join(out.split())
    report = json.loads(call("check", questions, "--json", "--quick", "--encoder", "tiny")[0])
    assert report["kind"] == "questions" and report["prospect"]["covered"] == 1.0
    assert report["answering"]["coverage"]["val"] == {"8": 1.0}


def test_captions_and_questions_in_one_folder_are_told_apart(questions, data, tmp_path):
    shutil.copytree(questions, tmp_path / "both")
    (tmp_path / "both" / "captions.csv").write_text("image,caption\ntrain-red-left-0.png,a dog\n")
    assert kind_of([tmp_path / "both"], None, None) == "captions"
    assert kind_of([tmp_path / "both"], None, "questions") == "questions"
    assert "add --kind questions" in call("check", tmp_path / "both", "--quick", status=1)[1]  # one row: no val split
    assert kind_of([questions], None, None) == kind_of([questions], "table", None) == "questions"
    assert kind_of([data], None, None) == "captions" and kind_of([data], "captions", None) == "questions"


def test_object_labels_are_checked_as_the_questions_they_become(questions, data, tmp_path):
    folder = tmp_path / "labelled"
    shutil.copytree(data, folder)
    photos = sorted(path.name for path in folder.rglob("*.png"))
    content = {
        "images": [{"id": i, "file_name": name, "width": 9, "height": 9} for i, name in enumerate(photos)],
        "annotations": [{"image_id": i, "category_id": i % 2, "bbox": [0, 0, 9, 9]} for i in range(len(photos))],
        "categories": [{"id": 0, "name": "dog"}, {"id": 1, "name": "bus"}],
    }
    (folder / "instances_train2014.json").write_text(json.dumps(content))
    assert kind_of([folder], None, None) == "captions"  # as before, where there are captions too
    assert kind_of([folder], "objects", None) == kind_of([folder], None, "questions") == "questions"
    for captions in folder.rglob("captions*.json"):
        captions.unlink()
    assert kind_of([folder], None, None) == kind_of([folder, questions], None, None) == "questions"
    out, _ = call("check", folder, "--quick", "--encoder", "tiny")
    assert "questions from coco objects" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{empty}"], "no captions, questions or object labels are known there"),
        (["nowhere"], "nowhere does not exist"),
        (["{data}", "--kind", "photos"], "kind is 'photos'; choose captions or questions"),
        (["{data}", "--format", "xml"], "format 'xml' is not known; choose one of flickr8k"),
        (["{data}", "{data}"], "is given twice; give each data set once"),
        (["{data}", "--encoder", "tiny", "--start-from", "x"], "leave out --encoder"),
    ],
)
def test_a_wrong_call_is_one_sentence(data, tmp_path, arguments, words):
    with pytest.raises(GlimpseError) as error:
        call("check", *(a.format(data=data, empty=tmp_path) for a in arguments))
    assert words in str(error.value) and "\n" not in str(error.value)


# Before training


@pytest.mark.parametrize("command", ["captioner", "vqa"])
def test_training_refuses_a_leak_and_goes_on_when_told_to(leaking, tmp_path, command):
    options = CAPTIONER if command == "captioner" else VQA
    if command == "vqa":
        for split in ("train", "val", "test"):
            file = leaking / f"captions_{split}.json"
            file.write_text(file.read_text().replace("square", "dog"))
    with pytest.raises(DataError, match=r"4 of the 8 test photos .50.0%. are also in train.*add --anyway"):
        call(command, "--data", leaking, "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run" / "resume.pt").exists()
    _, output = call(command, "--data", leaking, "--out", tmp_path / "run", *options, "--anyway", "--no-scores")
    assert "warning: 4 of the 8 test photos" in output and (tmp_path / "run" / "best").is_dir()


def test_training_stops_when_most_photos_cannot_be_opened(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    for file in sorted((tmp_path / "data" / "train").iterdir())[1:]:
        file.write_text("not a photo")
    with pytest.raises(DataError, match="23 of 32 photos cannot be opened"):
        call("captioner", "--data", tmp_path / "data", "--out", tmp_path / "run", *CAPTIONER)
    assert not (tmp_path / "run" / "best").exists()


def test_training_says_what_it_finds(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    photos = tmp_path / "data" / "train"
    shutil.copy(photos / "train_001.png", photos / "train_002.png")
    _, output = call("captioner", "--data", tmp_path / "data", "--out", tmp_path / "run", *CAPTIONER, "--no-scores")
    assert "copies of photos within train: 1" in output
    assert "0.0% of the words held out for val and test are unknown" in output


# Scores before and after


def test_a_new_captioner_and_the_one_it_started_from_are_scored_on_the_same_photos(data, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    _, output = call("captioner", "--data", data, "--out", first, *CAPTIONER)
    about = read_config(first)["about"]
    assert "before" not in about and about["after"]["images"] == 8 and about["after"]["split"] == "test"
    few = "on the test split (8 photos, too few to tell much):"
    assert f"scores {few}" in output and "before" not in output
    _, output = call("captioner", "--data", data, "--out", second, *QUICK, "--beam", 1, "--start-from", first)
    about = read_config(second)["about"]
    scores = {name: value for name, value in read_config(first)["about"]["after"].items() if name != "model"}
    assert {name: value for name, value in about["before"].items() if name != "model"} == scores
    assert about["before"]["model"] == str(first) and about["after"]["model"] == str(second)
    assert about["validation"] and f"scores of {first} and of the new model {few} before after" in output


def test_weights_of_data_sets_of_questions(questions, tmp_path):
    second = question_folder(tmp_path / "second")
    for index, file in enumerate(sorted(second.glob("*.png"))):  # other photos than the first set's
        Image.new("RGB", (32, 32), (index, 0, 0)).save(file)
    both = ["vqa", "--data", questions, "--data", second, *VQA, "--no-scores"]
    with pytest.raises(SettingError, match=r"--weights is '1'; give 2 numbers above 0, one for each --data"):
        call(*both, "--out", tmp_path / "run", "--weights", "1")
    steps = {}
    for weights in ("1,1", "1,2"):
        call(*both, "--out", tmp_path / weights, "--weights", weights)
        steps[weights] = json.loads((tmp_path / weights / "steps.jsonl").read_text().splitlines()[-1])["steps"]
    assert steps == {"1,1": 8, "1,2": 12}  # 32 photos each, 8 a step


def test_a_new_answerer_and_the_one_it_started_from(questions, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    call("vqa", "--data", questions, "--out", first, *VQA, "--no-scores")
    assert "after" not in read_config(first)["about"]
    _, output = call("vqa", "--data", questions, "--out", second, *QUICK, "--start-from", first)
    about = read_config(second)["about"]
    assert about["before"]["questions"] == about["after"]["questions"] == 24
    assert about["before"]["split"] == "test" and set(about["after"]["per_type"]) == {"what", "on", "is"}
    assert "accuracy" in output and output.endswith(f"--model {second}"), "the last line says where the model is"


def test_a_worse_model_is_warned_of(monkeypatch, tmp_path, capsys):
    photos = [SimpleNamespace(image=n) for n in range(30)]
    scores = {"old": {"images": 30, "cider": 50.0}, "new": {"images": 30, "cider": 49.0}}
    monkeypatch.setattr("training.commands.run.read_config", lambda folder: {"about": {}})
    monkeypatch.setattr("training.commands.run.update_config", lambda folder, about: None)
    told = []
    monkeypatch.setattr("training.commands.run.report_training_data", told.append)
    monkeypatch.setattr("training.commands.run.scoring_split", lambda found: ("test", photos))
    config = CaptionerConfig.of(data="data", start_from="old", out="new")
    found = SimpleNamespace(format="coco")
    score_before_and_after(lambda model, records: (scores[str(model)], {}), found, config, main="cider")
    output = capsys.readouterr().err
    assert "split (30 photos):" in output and "50.00     49.00" in output
    assert "warning: cider is lower than before" in output and told == ["old"]


def test_a_made_test_split_is_left_for_later(data):
    found = read_captions(data)
    assert scoring_split(found)[0] == "test"
    found.made = ("test",)
    assert scoring_split(found)[0] == "val" and len(scoring_split(found)[1]) == 8
    found.records = [r for r in found.records if r.split == "train"]
    with pytest.raises(DataError, match="--no-scores"):
        scoring_split(found)


# Columns


def test_columns_are_named_on_the_command_line(tmp_path):
    for n in range(4):
        square("red", "left", n).save(tmp_path / f"{n}.png")
    rows = "".join(f"{n}.png,red?,red,{split}\n" for n, split in enumerate(("train", "train", "val", "test")))
    (tmp_path / "own.csv").write_text(f"photo,about,said,part\n{rows}")
    model = ["--encoder", "tiny", "--image-size", 32, "--min-count", 1, "--quick", "--json"]
    with pytest.raises(DataError, match="say with --image-column and --caption-column which to read"):
        call("check", tmp_path, *model)
    named = ["--image-column", "photo", "--split-column", "part"]
    captions = json.loads(
        call("check", tmp_path, *model, *named, "--caption-column", "about", "--caption-column", "sai*")[0]
    )
    assert captions["photos"]["splits"] == {"train": 2, "val": 1, "test": 1}
    asked = json.loads(
        call("check", tmp_path, *model, *named, "--question-column", "about", "--answer-column", "said")[0]
    )
    assert (captions["kind"], asked["kind"]) == ("captions", "questions")
    with pytest.raises(SettingError, match="given twice"):
        call("check", tmp_path, *model, *named, "--caption-column", "Photo")


def test_photos_that_no_row_names_are_told(tmp_path):
    for n in range(9):
        square("red", "left", n).save(tmp_path / f"{n}.png")
    (tmp_path / "own.csv").write_text("image,caption,split\n0.png,red,train\n1.png,red,val\n2.png,red,later\n")
    model = ["--encoder", "tiny", "--image-size", 32, "--min-count", 1, "--quick"]
    told = call("check", tmp_path, *model)[0]
    assert "6 photos of the folder are in no row, such as 3.png, 4.png," in " ".join(told.split())
    photos = json.loads(call("check", tmp_path, *model, "--json")[0])["photos"]
    assert (photos["unused"], photos["unused_examples"]) == (6, [f"{n}.png" for n in range(3, 8)])
    (tmp_path / "own.csv").write_text("image,caption\n" + "".join(f"{n}.png,red\n" for n in range(9)))
    assert "no row" not in call("check", tmp_path, *model)[0]
