"""`python -m training`: the whole way from class folders to a shared captioner, on data made here; and wrong calls."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from toys import class_folders, coco_folder
from typer.testing import CliRunner
from vqa_toys import question_folder, small_answerer

import captioner
from runtime.checkpoint import read_config
from runtime.errors import GlimpseError
from training.__main__ import app
from training.metrics.captions import why_no_meteor
from vqa.answers import AnswerSet

SMALL = ["--embedding", "16", "--attention", "16", "--hidden", "16", "--min-count", "1", "--image-size", "32"]
ENCODER = ["--encoder", "tiny", "--image-size", 32, "--batch", 8, "--epochs", 1, "--hold-out", 0.2]
QUICK = ["--epochs", "1", "--batch", "8", "--beam", "1", "--precision", "32"]


def call(*arguments) -> str:
    """Standard output of one call, which must succeed; a user's mistake comes out as its GlimpseError."""
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return coco_folder(tmp_path_factory.mktemp("coco"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A frozen-encoder run on a pretrained encoder."""
    runs = tmp_path_factory.mktemp("runs")
    classes = class_folders(runs / "classes")
    call("encoder", *ENCODER, "--data", classes, "--out", runs / "encoder", "--cache", runs / "cache")
    call("captioner", "--data", data, "--out", runs / "frozen", "--encoder-weights", runs / "encoder", *SMALL, *QUICK)
    return runs / "frozen"


def test_the_encoder_s_weights_and_preprocessing_are_taken_over(trained):
    config = read_config(trained, kind="captioner")
    assert config["encoder"]["name"] == "tiny" and config["preprocessing"]["size"] == 32
    assert config["about"]["validation"]["cider"] >= 0
    assert (trained.parent / "cache").is_dir() and not (trained.parent / "encoder" / "cache").exists()


def test_a_run_goes_on_with_tuning_then_cider_then_scores_then_sharing(trained, data, tmp_path):
    call("captioner", "--data", data, "--out", tmp_path / "tuned", "--start-from", trained, "--finetune-encoder",
         "--image-size", 48, "--start-size", 32, "--min-count", 1, *QUICK)  # fmt: skip
    call("captioner", "--data", data, "--out", tmp_path / "cider", "--start-from", tmp_path / "tuned",
         "--objective", "cider", "--samples", 2, "--min-count", 1, *QUICK)  # fmt: skip
    scores = json.loads(call("evaluate", tmp_path / "cider", "--data", data, "--json", "--record", "--beam", 1))
    assert scores["images"] == 8
    assert list(scores) == ["images", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider"]
    assert scores["meteor"] is None if why_no_meteor() else 0 < scores["meteor"] < 100
    assert read_config(tmp_path / "cider")["about"]["test"] == {"data": "coco", "beam": 1, **scores}
    call("share", tmp_path / "cider", tmp_path / "shared")
    with pytest.raises(GlimpseError, match="shared holds a model already; replace it with --overwrite"):
        call("share", tmp_path / "cider", tmp_path / "shared")
    call("share", "--overwrite", tmp_path / "cider", tmp_path / "shared", "--note", "for research")
    told = (
        CliRunner().invoke(app, ["evaluate", str(tmp_path / "shared"), "--data", str(data), "--split", "train"]).stderr
    )
    assert "shared: for research. Scores on photos that it learnt from say little" in told
    assert "A model trained on these photos knows them" in told
    small, whole = (sum(f.stat().st_size for f in folder.glob("*.safetensors"))
                    for folder in (tmp_path / "shared", tmp_path / "cider" / "best"))  # fmt: skip
    assert small < 0.52 * whole
    shared = captioner.load(tmp_path / "shared")
    assert shared.about["note"] == "for research" and shared.network.grid == (3, 3) and "test" in shared.about
    call(
        "share", tmp_path / "cider", tmp_path / "mean", "--average", tmp_path / "tuned", "--average", tmp_path / "cider"
    )
    states = [captioner.load(tmp_path / name, exact=True).network.state_dict() for name in ("cider", "tuned", "mean")]
    for name, mean in states[2].items():
        wanted = (2 * states[0][name].float() + states[1][name].float()) / 3
        torch.testing.assert_close(mean.float(), wanted, rtol=1e-3, atol=1e-3)
    assert any((states[0][name] != states[1][name]).any() for name in states[0])
    call("share", tmp_path / "cider", tmp_path / "same", "--average", tmp_path / "cider")
    same, one = (captioner.load(tmp_path / name, exact=True).engine.encoder_fingerprint for name in ("same", "shared"))
    assert same == one  # -0.0 stays what it is
    assert not captioner.load(tmp_path / "mean").about.keys() & {"test", "validation", "before", "after"}
    call("share", tmp_path / "cider", tmp_path / "detail", "--photo-side", 30)
    assert captioner.load(tmp_path / "detail").preprocessing == replace(shared.preprocessing, photo_side=30)
    call("share", tmp_path / "cider", tmp_path / "larger", "--image-size", 64)
    larger = captioner.load(tmp_path / "larger")
    with pytest.raises(GlimpseError, match=r"larger has other words, .* or photos than .*cider; average"):
        call("share", tmp_path / "cider", tmp_path / "never", "--average", tmp_path / "larger")
    assert larger.network.grid == (4, 4) and larger.preprocessing.size == 64 and not larger.about
    weights = [dict(model.network.named_parameters()) for model in (shared, larger)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_evaluate_searches_as_its_options_say(trained, data, monkeypatch):
    searches = []

    def scores(model, records, search, *, meteor, engine):
        searches.append(search)
        return {"cider": 1.0}, {}

    monkeypatch.setattr("training.commands.evaluate.score_captioner", scores)
    call("evaluate", trained, "--data", data, "--beam", 5, "--length-penalty", 0.25)
    assert [(s.beam, s.length_penalty) for s in searches] == [(5, 0.25)]


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(trained, data):
    before = (trained / "best" / "model.safetensors").read_bytes()
    encoder = trained.parent / "encoder"
    options = ("--data", data, "--out", trained, "--encoder-weights", encoder, *SMALL, *QUICK, "--resume")
    done = CliRunner().invoke(app, ["captioner", *map(str, options)], catch_exceptions=False)
    assert done.exit_code == 0 and "was trained to its end before; nothing is left to do." in done.stderr
    assert (trained / "best" / "model.safetensors").read_bytes() == before


def test_an_earlier_run_is_kept_unless_it_is_given_up(trained, data, tmp_path):
    run, status = tmp_path / "run", tmp_path / "run" / "status.json"
    shutil.copytree(trained, run)
    best = run / "best" / "model.safetensors"
    before = best.read_bytes(), status.read_bytes()
    options = "captioner", "--data", data, "--out", run, *SMALL, *QUICK, "--no-scores"
    options += "--encoder-weights", trained.parent / "encoder", "--seed", 5, "--cache", trained / "cache"
    with pytest.raises(GlimpseError, match="run holds an earlier run; go on with it by --resume, give it up by --over"):
        call(*options)
    assert (best.read_bytes(), status.read_bytes()) == before
    with pytest.raises(GlimpseError, match="leave one of them out"):
        call(*options, "--resume", "--overwrite")
    call(*options, "--overwrite")
    assert best.read_bytes() != before[0]

    encoder = tmp_path / "encoder"
    shutil.copytree(trained.parent / "encoder", encoder)
    options = "encoder", *ENCODER, "--data", trained.parent / "classes", "--out", encoder, "--seed", 5
    with pytest.raises(GlimpseError, match="encoder holds an earlier run"):
        call(*options)
    call(*options, "--overwrite")


def test_the_recurrent_network_is_a_choice_that_the_model_remembers(trained, data, tmp_path):
    asked = {"cell": "lstm", "variant": "coupled,peepholes", "layers": 2, "forget_bias": 2.0, "init": "orthogonal",
             "initial_state": "learnt", "truncate": 4}  # fmt: skip
    options = [part for name, value in asked.items() for part in (f"--{name.replace('_', '-')}", value)]
    encoder = trained.parent / "encoder"
    call("captioner", "--data", data, "--out", tmp_path, "--encoder-weights", encoder, *SMALL, *QUICK, *options,
         "--highway", "--no-scores", "--cache", tmp_path / "kept")  # fmt: skip
    assert (tmp_path / "kept").is_dir() and not (tmp_path / "cache").exists()
    assert captioner.load(tmp_path).network.settings.recurrent == asked | {"highway": True}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--epochs", "0"], "epochs is 0"),
        (["--encoder", "resnet19"], "no encoder 'resnet19'"),
        (["--encoder-weights", "nowhere"], "nowhere does not exist"),
        (["--cell", "lsmt"], "no cell 'lsmt'"),
        (["--hidden", "0"], "hidden is 0"),
        (["--warmup", "1"], "warmup is 1.0; choose a share"),
        (["--fit", "stretch"], "fit is 'stretch'; choose squash, crop or pad"),
        (["--trainable-layers", "2"], "add --finetune-encoder"),
        (["--cell", "gru", "--variant", "peepholes"], "gru has no variant 'peepholes'; choose among update-takes-new"),
        (["--highway"], "layers is 1; choose layers 2 to 8"),
        (["--objective", "cider", "--word-dropout", "0.1"], "leave out --word-dropout"),
        (["--objective", "cider"], "trained; give it as --start-from"),
        (["--start-from", "x"], "goes on with that model as it is; leave out --hidden, --embedding, --attention"),
        (["--format", "csv"], "format 'csv' is not known"),
        (["--resume"], "no run to resume"),
    ],
)
def test_wrong_options_are_one_sentence(data, tmp_path, options, sentence):
    with pytest.raises(GlimpseError, match=sentence) as error:
        call("captioner", "--data", data, "--out", tmp_path / "run", *SMALL, *QUICK, *options)
    assert "\n" not in str(error.value)


def test_a_split_or_a_data_set_that_is_not_there_is_one_sentence(trained, tmp_path, data):
    with pytest.raises(GlimpseError, match="there is no trial split"):
        call("evaluate", trained, "--data", data, "--split", "trial")
    with pytest.raises(GlimpseError, match="does not exist"):
        call("evaluate", trained, "--data", tmp_path / "nothing")
    with pytest.raises(GlimpseError, match="--generate makes questions, and a captioner is scored on captions"):
        call("evaluate", trained, "--data", data, "--generate")
    with pytest.raises(GlimpseError, match="format 'csv' is not known"):
        call("evaluate", trained, "--data", data, "--format", "csv")
    with pytest.raises(GlimpseError, match="no run to resume"):
        classes = trained.parent / "classes"
        call("encoder", *ENCODER, "--data", classes, "--out", tmp_path, "--cache", trained.parent / "cache", "--resume")
    with pytest.raises(GlimpseError, match="is given twice; give each data set once"):
        call("evaluate", trained, "--data", data, "--data", data)


class Given(Exception):
    """What a command gives its task, in whose place it is raised."""


def test_a_data_set_s_weight_and_photos_held_out_elsewhere_reach_the_task(data, tmp_path, monkeypatch):
    """Two of the training photos are also what another data set validates on."""

    def task(model, records, settings, *, weights, **more):
        raise Given(sum(record.split == "train" for record in records), list(weights.values()))

    monkeypatch.setattr("training.commands.captioner.CaptionTask", task)
    other = tmp_path / "other"
    other.mkdir()
    for n in (1, 2):
        (other / f"{n}.png").write_bytes((data / "train" / f"train_00{n}.png").read_bytes())
    (other / "val.csv").write_text("image,caption\n1.png,a red square\n2.png,a red square\n")
    with pytest.raises(Given) as given:
        call("captioner", "--data", data, "--out", tmp_path / "run", "--encoder", "tiny", *SMALL, "--weights", 3,
             "--held-out", other)  # fmt: skip
    assert given.value.args == (22, [3.0])


@pytest.mark.parametrize("kind, task, options", [
    ("captioner", "CaptionTask", [*SMALL, "--encoder", "tiny", "--precision", 32]),
    ("vqa", "VqaTask", [*SMALL, "--preset", "easy-vqa", "--precision", 32]), ("encoder", "EncoderTask", []),
])  # fmt: skip
def test_a_command_gives_its_task_the_settings_of_the_run(kind, task, options, data, tmp_path, monkeypatch):
    def made(*given, epochs, seed, cache, precision="32", **more):
        raise Given(next(one.batch for one in given if hasattr(one, "batch")), epochs, seed, cache, precision)

    monkeypatch.setattr(f"training.commands.{kind}.{task}", made)
    folder = {"captioner": data, "vqa": question_folder(tmp_path / "questions")}.get(kind, tmp_path)
    with pytest.raises(Given) as given:
        call(kind, "--data", folder, "--out", tmp_path / "run", *options, "--batch", 5, "--epochs", 4, "--seed", 9)
    assert given.value.args == (5, 4, 9, tmp_path / "run" / "cache", "32")


def test_features_are_computed_by_the_processes_of_the_cluster_that_is_named(data, tmp_path, monkeypatch):
    def workers(*given):
        raise Given(*given)

    monkeypatch.setattr("training.commands.run.RayWorkers", workers)
    with pytest.raises(Given) as given:
        call("captioner", "--data", data, "--out", tmp_path / "run", "--encoder", "tiny", *SMALL, *QUICK,
             "--cache-engine", "ray", "--workers", 2, "--address", "there:1")  # fmt: skip
    assert given.value.args == (2, "there:1")


def test_answers_in_another_order_are_not_averaged(tmp_path):
    one, other = small_answerer(), small_answerer()
    other.answers = AnswerSet.from_list(other.answers.to_list()[::-1])
    one.save(tmp_path / "one"), other.save(tmp_path / "other")
    call("share", tmp_path / "one", tmp_path / "mean", "--average", tmp_path / "one")
    with pytest.raises(GlimpseError, match="other has other words, answers, sizes or photos than"):
        call("share", tmp_path / "one", tmp_path / "never", "--average", tmp_path / "other")
