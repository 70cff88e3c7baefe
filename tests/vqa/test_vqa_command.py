"""The command lines of VQA: what `python -m vqa` and `python -m training vqa` print where, and their exit statuses."""

import json
import re
import sys
from functools import partial

import pytest
from PIL import Image
from toys import square
from typer.testing import CliRunner
from vqa_toys import QUESTIONS, question_folder, small_answerer

import vqa.model
from runtime.checkpoint import read_config
from runtime.command import exit_status
from runtime.errors import DataError, SettingError
from training.__main__ import app as training_app
from vqa.__main__ import app


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_answerer(pooling="two-glimpses").save(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "a.png"
    square("red", "left").save(path)
    return path


@pytest.fixture
def command(float32, model, monkeypatch, capsys):
    """Call the command on the small model: (exit status, standard output, standard error)."""

    def call(*arguments, model=model):
        monkeypatch.setattr(sys, "argv", ["vqa", *map(str, arguments), "--model", str(model)])
        return exit_status(app), *capsys.readouterr()

    return call


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def changed(model, target, **config):
    """A copy of a model folder with entries of its config changed."""
    target.mkdir()
    for file in model.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    text = json.loads((target / "config.json").read_text()) | config
    (target / "config.json").write_text(json.dumps(text))
    return target


def test_one_question_gives_one_line_best_answer_first(command, model, photo, tmp_path):
    answers = vqa.load(model).look(photo).ask(QUESTIONS[0], 2)
    listed = ", ".join(f"{a.text} ({a.probability:.0%})" for a in answers)
    sure, unsure = (changed(model, tmp_path / str(t), threshold=t) for t in (0.0, 1.0))
    assert command(photo, QUESTIONS[0], "--top", 2, model=sure) == (0, listed + "\n", "")
    assert command(photo, QUESTIONS[0], "--top", 2, model=unsure) == (0, f"not sure; perhaps {listed}\n", "")


def test_answers_under_one_percent_are_listed_where_they_are_asked_for(command, photo, monkeypatch):
    given = [
        vqa.Answer("red", 0.97, True, None),
        vqa.Answer("blue", 0.02, True, None),
        vqa.Answer("pink", 0.004, True, None),
    ]
    monkeypatch.setattr(vqa.predictor.Look, "ask", lambda look, question, top: given[:top])
    assert command(photo, QUESTIONS[0])[1] == "red (97%), blue (2%)\n"
    assert len(json.loads(command(photo, QUESTIONS[0], "--json")[1])["answers"]) == 3
    assert command(photo, QUESTIONS[0], "--top", 3)[1] == "red (97%), blue (2%), pink (0%)\n"


def test_several_questions_are_named_and_the_photo_is_encoded_once(command, photo, monkeypatch):
    encoded = []
    encode = vqa.Answerer.encode
    monkeypatch.setattr(vqa.Answerer, "encode", lambda self, photos: encoded.append(1) or encode(self, photos))
    status, out, err = command(photo, *QUESTIONS)
    assert (status, err, len(encoded)) == (0, "", 1)
    assert [line.startswith(question + " ") for line, question in zip(out.splitlines(), QUESTIONS, strict=True)]


def test_json_lines(command, model, photo):
    status, out, err = command(photo, QUESTIONS[0], "zebra?", "--json", "--top", 3)
    first, second = lines(out)
    assert (status, err, list(first)) == (0, "", ["image", "question", "answers", "sure"])
    assert (first["image"], first["question"], second["question"]) == (str(photo), QUESTIONS[0], "zebra?")
    expected = vqa.load(model).look(photo).ask(QUESTIONS[0], 3)
    assert first["answers"] == [{"answer": a.text, "prob": round(a.probability, 4)} for a in expected]
    assert (first["sure"], second["sure"]) == (expected[0].sure, False)


def test_a_question_that_cannot_be_read_is_reported_and_the_others_answered(command, photo):
    status, out, err = command(photo, "", QUESTIONS[0], "a" * 10_000, "--json")
    results = lines(out)
    assert (status, ["error" in line for line in results]) == (1, [True, False, True])
    assert "the question is empty" in results[0]["error"] and "10,000 characters" in results[2]["error"]
    assert len(err.splitlines()) == 2 and all(line.startswith("error: the question ") for line in err.splitlines())
    assert command(photo, "\x00")[:2] == (1, "")


@pytest.mark.parametrize("question", ["무슨 색이에요?", "ما هو اللون", "🟥❓", "zebra crossing", "???"])
def test_a_question_without_a_known_word_is_answered_not_sure(command, photo, question):
    status, out, err = command(photo, question)
    assert (status, err) == (0, "") and out.startswith("not sure; perhaps ")


def test_a_photo_that_cannot_be_opened(command, tmp_path):
    status, out, err = command(tmp_path / "none.jpg", "what?", "--json")
    assert status == 1 and lines(out) == [{"image": str(tmp_path / "none.jpg"), "error": err[len("error: ") : -1]}]
    assert "none.jpg does not exist" in err
    assert command("what colour is it?", "is it red?")[0] == 1  # the photo was forgotten


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "there is no question; ask it behind the photo"),
        (["Dog.JPG", "what?"], "Dog.JPG is no question; ask about one photo at a time"),
        (["what?", "--engine", "jax"], "there is no engine 'jax'; choose one of onnx, onnx-int8, torch and ray."),
        (["what?", "--top", "0"], "top is 0; ask for at least 1 answer"),
        (["what?", "--attention", "nowhere/at/all.png"], "there is no folder nowhere/at; make it, or name another"),
        (["what?", "--attention", "picture.xyz"], "the picture cannot be saved as picture.xyz"),
    ],
)
def test_a_wrong_call_is_one_sentence(command, photo, arguments, words):
    status, out, err = command(photo, *arguments)
    assert (status, out) == (2, "") and err.startswith(f"error: {words}") and err.count("\n") == 1


def test_a_missing_model_is_one_sentence(command, photo, tmp_path):
    status, out, err = command(photo, "what?", model=tmp_path / "nowhere")
    assert (status, out) == (2, "") and "nowhere does not exist; give a folder" in err and err.count("\n") == 1


def test_the_attention_picture_has_a_tile_for_each_glimpse(command, photo, tmp_path):
    widths = []
    for questions in (QUESTIONS[:1], QUESTIONS[:2]):
        assert command(photo, *questions, "--attention", tmp_path / "look.png")[0] == 0
        with Image.open(tmp_path / "look.png") as picture:
            widths.append(picture.width)
    two_more = (widths[1] - widths[0]) / 2  # beside the photo: two glimpses, then four
    assert two_more > 32 and (widths[0] - 3 * two_more) == (widths[1] - 5 * two_more)


def test_a_model_that_does_not_choose_where_to_look_draws_nothing(command, photo, tmp_path):
    mean = small_answerer(pooling="mean").save(tmp_path / "mean")
    status, _, err = command(photo, "what?", "--attention", tmp_path / "look.png", model=mean)
    assert status == 2 and "does not choose where to look" in err and not (tmp_path / "look.png").exists()


# Training


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return question_folder(tmp_path_factory.mktemp("questions") / "data")


def training(*arguments):
    """The result of a command of `python -m training`."""
    return CliRunner().invoke(training_app, [*map(str, arguments)])


@pytest.fixture
def train():
    return partial(training, "vqa")


SMALL = ["--image-size", 32, "--embedding", 8, "--hidden", 16, "--attention", 8, "--fused", 16, "--precision", 32]


def test_training_evaluating_and_going_on(train, data, tmp_path):
    out = tmp_path / "run"
    asked = ["--data", data, "--preset", "easy-vqa", *SMALL]
    done = train(*asked, "--out", out, "--epochs", 2)
    assert done.exit_code == 0, done.output
    for words in ("32 photos to train on", "100.0% of the val questions", f"--model {out}"):
        assert words in done.stderr.replace("\n", " ")
    config = read_config(out, kind="vqa")
    assert config["encoder"]["name"] == "tiny" and config["preprocessing"]["size"] == 32
    assert config["head"]["question_size"] == 16 and config["head"]["dropout"] == 0.0
    assert 0 <= config["about"]["validation"]["accuracy"] <= 100
    assert config["temperature"] > 0 and 0 < config["threshold"] < 1

    scores = json.loads(training("evaluate", out, "--data", data, "--record", "--json").stdout)
    assert list(scores)[:4] == ["questions", "accuracy", "per_type", "question_only_accuracy"]
    assert {"wups_0.9", "wups_0.0", "ece"} < set(scores) and scores["questions"] == 24
    assert read_config(out)["about"]["test"]["accuracy"] == scores["accuracy"]
    assert "question_only_accuracy" in training("evaluate", out, "--data", data).stdout

    assert train(*asked, "--out", out, "--epochs", 2, "--resume").exit_code == 0
    refused = train(*asked, "--out", out, "--epochs", 3, "--resume")
    assert isinstance(refused.exception, SettingError) and "epochs (was 2, now 3)" in str(refused.exception)
    grown = ["--data", data, "--start-from", out, "--precision", 32, "--epochs", 1, "--out", tmp_path / "more"]
    assert train(*grown).exit_code == 0
    assert read_config(tmp_path / "more")["answers"] == config["answers"]


def test_evaluate_tells_of_a_bad_photo_and_of_a_split_that_is_not_there(data, tmp_path, model):
    for file in data.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    next(tmp_path.glob("test-*.png")).write_text("not a photo")
    done = training("evaluate", model, "--data", tmp_path, "--json")
    assert done.exit_code == 1 and "is not a picture" in done.stderr
    assert json.loads(done.stdout)["questions"] == 21
    refused = training("evaluate", model, "--data", tmp_path, "--format", "csv").exception
    assert isinstance(refused, SettingError) and "format 'csv' is not known" in str(refused)
    refused = training("evaluate", model, "--data", tmp_path, "--split", "dev").exception
    assert isinstance(refused, DataError) and "there is no dev split" in str(refused)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "hard-vqa"], "there is no preset 'hard-vqa'; choose one of easy-vqa, daquar"),
        (["--encoder", "tiny"], "a tiny of random weights that is not trained sees nothing"),
        (["--start-from", "x", "--encoder", "tiny"], "goes on with that model as it is; leave out --encoder, --hidden"),
        (["--encoder", "tiny", "--finetune-encoder", "--share-encoder"], "leave out --finetune-encoder"),
        (["--encoder", "tiny", "--finetune-encoder", "--fusion", "sum"], "there is no fusion 'sum'"),
        (["--blind", 1], "blind is 1"),
        (["--epochs", 0], "epochs is 0"),
        (["--min-answers", 1000, "--encoder", "tiny", "--finetune-encoder"], "different answers was given 1000 times"),
    ],
)
def test_a_wrong_training_call_is_one_sentence(train, data, tmp_path, arguments, words):
    refused = train("--data", data, "--out", tmp_path / "run", *SMALL, *arguments)
    assert words in str(refused.exception) and "\n" not in str(refused.exception)
    assert not (tmp_path / "run" / "best").exists()


@pytest.fixture
def captioned(tmp_path):
    """A folder of 12 photos with three captions each."""
    rows = []
    for n in range(12):
        square("red", "left", n).save(tmp_path / f"{n}.png")
        animal = ("dog", "cat", "horse")[n % 3]
        texts = (f"A brown {animal} runs on the grass .", f"The brown {animal} is running .", f"A {animal} runs .")
        rows += [f"{n}.png#{i}\t{text}" for i, text in enumerate(texts)]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_more_seeds_make_more_questions_to_train_on(train, captioned):
    asked = ["--data", captioned, "--out", captioned / "run", *SMALL, "--min-answers", 1000]
    once, thrice = (train(*asked, "--overwrite", "--generate-seeds", seeds).stderr for seeds in (1, 3))
    made = [int(re.search(r"(\d+) questions \(questions from", told)[1]) for told in (once, thrice)]
    assert made[0] < made[1]


def test_captions_alone_train_a_model(train, captioned, tmp_path):
    kept = tmp_path / "kept"
    asked = ["--data", tmp_path, "--out", tmp_path / "run", "--preset", "easy-vqa", *SMALL, "--epochs", 1]
    done = train(*asked, "--cache", kept)
    assert done.exit_code == 0, done.output
    assert kept.is_dir() and not (tmp_path / "run" / "cache").exists()
    assert "(questions from flickr8k)" in done.stderr.replace("\n", " ")
    assert {"dog", "cat", "horse", "brown"} <= set(read_config(tmp_path / "run")["answers"])

    (tmp_path / "questions.csv").write_text("image,question,answer\n0.png,is it a dog?,yes\n")
    for more, format in (([], "table"), (["--generate"], "table+captions"), (["--format", "captions"], "flickr8k")):
        refused = train(*asked, "--overwrite", "--min-answers", 1000, *more)
        assert f"{format})" in refused.stderr.replace("\n", " ") and "was given 1000 times" in str(refused.exception)
