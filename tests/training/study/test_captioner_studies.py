"""The studies that train captioners, on coloured squares: same photos for all, resumed, tables."""

import pytest
import torch
from captioner_toys import small_captioner
from toys import coco_folder

from encoders.recurrent import Recurrent
from encoders.text import END, START
from runtime.errors import SettingError
from training.commands.study import STUDIES, study
from training.config.commands import StudyConfig
from training.study import choices as choices_study
from training.study import odyssey as odyssey_study
from training.study.captioners import (
    CaptionerSettings,
    caption_metrics,
    decode_captions,
    decode_softmax,
    sample_records,
    train_case,
)
from training.study.reach import ReachSettings


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    data, model = coco_folder(folder / "data"), small_captioner().save(folder / "model")
    return CaptionerSettings(str(data), str(model), photos=12, val_photos=6, epochs=1, batch=6, hidden=16, embedding=8,
                             attention=8, projection=8, min_count=1, seeds=2)  # fmt: skip


def test_every_captioner_sees_the_same_photos(settings):
    records = sample_records(settings.data, 12, 6)
    assert [sum(r.split == name for r in records) for name in ("train", "val", "test")] == [12, 6, 0]
    sample_records.cache_clear()
    assert sample_records(settings.data, 12, 6) == records


@pytest.mark.parametrize("options", odyssey_study.NETWORKS.values(), ids=odyssey_study.NETWORKS)
def test_the_networks_of_the_odyssey_are_ones_that_there_are(options):
    Recurrent(input_size=2, hidden_size=2, **options)
    assert len(odyssey_study.NETWORKS) == 11  # the paper's nine, GRU and RNN


def test_odyssey_trains_those_close_to_the_best_again(settings, tmp_path, monkeypatch):
    """And a case that is done is not done again."""
    ciders, asked = {"rnn": 30.0, "gru": 40.5, "lstm": 41.0}, []

    def pretended(case, out):
        asked.append((case["network"], case["seed"]))
        row = {"network": case["network"], "seed": case["seed"], "cider": ciders[case["network"]] + case["seed"]}
        return None, row | {"recurrent_parameters": 7, "captions_a_second": 9.6}

    monkeypatch.setattr(odyssey_study, "NETWORKS", {name: {"cell": name} for name in ciders})
    monkeypatch.setattr(odyssey_study, "train_case", pretended)
    *done, table = odyssey_study.odyssey(settings, tmp_path)
    assert asked == [("rnn", 1), ("gru", 1), ("lstm", 1), ("gru", 2), ("lstm", 2)]
    assert table.splitlines()[2] == "| lstm | 2 | 42.5 | 1 | 7 | 10 |"
    assert table.splitlines()[4] == "| rnn | 1 | 31 | 0 | 7 | 10 |"
    assert done[0] == "rnn, seed 1: CIDEr 31.0" and (tmp_path / "figure.png").is_file()
    *_, again = odyssey_study.odyssey(settings, tmp_path)
    assert again == table and len(asked) == 5


def test_choices_trains_and_speaks_in_each_way(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(choices_study, "NETWORKS", {"no attention": {"attention_size": 0}})
    *_, table = choices_study.choices(settings, tmp_path)
    lines = [line.split(" | ") for line in table.splitlines()[2:]]
    assert [line[:3] for line in lines] == [["| no attention", way, "2"] for way in choices_study.DECODINGS]
    runs = sorted(path.name.rpartition(", ")[0] for path in (tmp_path / "runs").iterdir())
    assert runs == ["no attention, seed 1", "no attention, seed 2"]
    assert (tmp_path / "figure.png").is_file()

    case = settings.case("no attention", {"attention_size": 0}, 1)
    task, row = train_case(case, tmp_path)  # a finished run is read, not trained again
    assert (
        row["cider"] == caption_metrics(task, decode_captions(task, "argmax", 1))["cider"] and not task.model.training
    )
    assert row["captions_a_second"] == 0 and row["recurrent_parameters"] == 4 * 16 * (8 + 8 + 16 + 2)


def test_the_softmax_vector_is_what_is_fed_back():
    captioner = small_captioner()
    network, fed = captioner.network, []
    features = torch.randn(2, network.grid[0] * network.grid[1], network.encoder.feature_size)
    step = network.decoder.step
    network.decoder.step = lambda tokens, state: fed.append(tokens) or step(tokens, state)
    texts = decode_softmax(captioner, features)
    assert len(texts) == 2 and fed[0].tolist() == [START, START]
    for vector in fed[1:]:
        torch.testing.assert_close(vector.sum(dim=1), torch.ones(2))
        assert (vector[:, :2] == 0).all() and (vector.max(dim=1).values < 1).all()

    with torch.no_grad():
        network.decoder.bias[END] = 200.0
    assert decode_softmax(captioner, features) == ["", ""]


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(SettingError, match="photos is 0; choose 1 or more"):
        CaptionerSettings("data", photos=0)


@pytest.mark.parametrize("name, settings, given", [
    ("odyssey", CaptionerSettings, {"data": "d", "photos": 7, "epochs": 3, "hidden": 9, "seeds": 2}),
    ("reach", ReachSettings, {"hidden": 9, "steps": 7, "seeds": 2}),
])  # fmt: skip
def test_the_command_gives_a_study_its_options(tmp_path, monkeypatch, name, settings, given):
    ran = []
    monkeypatch.setitem(STUDIES, name, (lambda settings, out: ran.append(settings) or [], settings))
    study(StudyConfig.of(name=name, out=tmp_path, **given))
    assert ran == [settings(**given)]
