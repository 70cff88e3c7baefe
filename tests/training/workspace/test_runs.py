"""Runs: processes of their own, whose folders say all there is to know; most are stand-ins, one is a real training."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from captioner_toys import small_captioner
from toys import coco_folder

import captioner
from runtime.checkpoint import update_config
from runtime.errors import DataError, SettingError, WriteError
from runtime.process import is_running, start_time
from training.loop.status import Status, write_status
from training.workspace import runs as runs_module
from training.workspace.run import LAUNCH_TIMEOUT, POINTS, Run
from training.workspace.runs import NICENESS, Runs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-ins for a training are shell scripts")
FOREVER = "exec sleep 60"


@pytest.fixture
def runs(tmp_path):
    """Runs of a workspace; whatever is left going is ended."""
    made = Runs(tmp_path / "workspace")
    yield made
    for child in made._children.values():
        child.kill()
        child.wait()


@pytest.fixture
def start_run(runs, tmp_path, monkeypatch):
    """Start a run whose command is this shell script."""

    def start_run(script: str, **options) -> Run:
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\nfor folder; do :; done\n{script}\n")  # the last argument is the run's folder
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return runs.start("captioner", tmp_path / "data", **options)

    return start_run


def wait_until(true, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(run: Run) -> Run:
    wait_until(lambda: run.state != "running")
    return run


def write_status_as(state: str, error: dict | None = None) -> str:
    """The shell command of a run that writes this status."""
    status = {"state": state, "pid": 1, "process_started": 0.0, "step": None, "error": error, "updated": 1.0}
    return f"""echo '{json.dumps(status)}' > "$folder/status.json"; """


def lines(*records: dict) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def epoch(n: int, cider: float, said: str = "a dog") -> dict:
    return {"epoch": n, "epochs": 9, "scores": {"score": cider, "cider": cider, "meteor": None}, "best": True,
            "samples": [{"image": "/x/a.jpg", "caption": said}]}  # fmt: skip


def step(e: int, n: int, loss: float) -> dict:
    return {"epoch": e, "step": n, "steps": 10, "loss": loss, "rate": 0.1, "examples_a_second": 5.0, "left": 100.0 - n}


def test_a_run_is_trained_stopped_resumed_scored_and_downloaded(runs, tmp_path):
    """The one real training."""
    model = small_captioner().save(tmp_path / "model")
    data = coco_folder(tmp_path / "data", copies=1)
    quick = {"epochs": 400, "batch": 8, "beam": 1, "min_count": 1, "patience": 0, "precision": "32"}
    run = runs.start("captioner", data, start_from=model, **quick)
    wait_until(lambda: run.progress().scores or run.state != "running")
    assert run.state == "running" and os.getpriority(os.PRIO_PROCESS, run.about["pid"]) == NICENESS
    runs.stop(run.name)
    assert ended(run).state == "stopped" and run.error is None
    before = run.progress()
    assert before.losses[-1]["step"] < 400 and before.left > 0 and 0 < before.epoch < 400
    runs.resume(run.name)
    assert run.state == "running"
    wait_until(lambda: run.progress().epoch > before.epoch)
    runs.stop(run.name)
    ended(run)
    now = run.progress()
    assert [s["epoch"] for s in now.scores] == list(range(1, len(now.scores) + 1))
    assert len(now.samples[0]) == 4 and Path(now.samples[0][0]["image"]).is_relative_to(data)
    assert captioner.load(run.model).preprocessing.size == 32
    with zipfile.ZipFile(run.zip(tmp_path)) as archive:
        archive.extractall(tmp_path / "download")
    assert captioner.load(tmp_path / "download" / run.name).vocabulary == captioner.load(run.model).vocabulary


def test_the_command_is_that_of_the_readme_with_the_options_given(start_run, runs, tmp_path):
    run = start_run(
        'echo "done: $*"', start_from="bundled-captioner", learning_rate=0.01, finetune_encoder=True, format=None
    )
    assert ended(run).progress().last_line == (
        f"done: -m training captioner --data {tmp_path}/data --cache {runs.cache} --start-from bundled-captioner "
        f"--finetune-encoder --learning-rate 0.01 --out {run.folder}"
    )


def test_states_are_told_by_the_run_s_status_and_not_by_what_it_printed(start_run):
    done = ended(start_run("echo 'error: a photo is damaged.'; " + write_status_as("done")))
    assert done.state == "done" and done.error is None
    failed = ended(
        start_run("echo 'done: best'; " + write_status_as("failed", {"code": "data", "sentence": "no val photo."}))
    )
    assert failed.state == "failed" and failed.error == "no val photo."
    assert ended(start_run("echo 'done: best'")).state == "failed", "it ended without a word in its status"
    assert ended(start_run(write_status_as("stopped"))).state == "stopped"
    assert ended(start_run(write_status_as("running") + 'touch "$folder/resume.pt"')).state == "stopped", (
        "killed, with a save"
    )


def test_a_run_is_found_by_its_status_where_the_server_died_before_it_noted_the_process(start_run, runs):
    run = start_run(FOREVER)
    pid = run.about["pid"]
    about = run.about | {"pid": None, "process_started": None, "launched": time.time()}
    (run.folder / "run.json").write_text(json.dumps(about))
    assert run.state == "running", "it was just launched, and may report any moment"
    (run.folder / "run.json").write_text(json.dumps(about | {"launched": time.time() - LAUNCH_TIMEOUT}))
    assert run.state == "failed" and run.process is None
    write_status(run.folder, Status("starting", pid, start_time(pid)))
    assert run.state == "running" and run.process == pid
    Runs(runs.folder.parent).stop(run.name)
    wait_until(lambda: not is_running(pid, start_time(pid)))
    assert ended(run).state == "stopped"


@pytest.mark.parametrize("old", ["done", "stopped", "failed"])
def test_a_run_from_before_there_was_a_status_still_opens(runs, old):
    run = Run(runs.folder / "captioner-7")
    small_captioner().save(run.folder / "best")
    about = {"kind": "captioner", "data": "x", "settings": {}, "command": [], "began": 1.0, "pid": os.getpid(),
             "process": "0a1b 123", "stop_asked": None}  # fmt: skip
    (run.folder / "run.json").write_text(json.dumps(about))
    (run.folder / "output.txt").write_text("10 photos.\nerror: the loss became nan.\n")
    if old == "stopped":
        (run.folder / "resume.pt").touch()
    if old == "done":
        update_config(run.folder, about={"after": {"cider": 1.0}})
    assert [found.state for found in runs.list()] == [old]
    assert run.progress().last_line == "error: the loss became nan."
    assert (old == "failed") == ("the loss became nan" in (run.error or ""))


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_run_that_cannot_be_recorded_is_ended_and_leaves_nothing(start_run, runs, monkeypatch, fails_at):
    written, spawned = [], []
    write, spawn = runs_module.write_json, Runs._spawn

    def fail(file, about):
        written.append(file)
        if len(written) >= fails_at:
            raise WriteError("no room.")
        write(file, about)

    monkeypatch.setattr(runs_module, "write_json", fail)
    monkeypatch.setattr(Runs, "_spawn", staticmethod(lambda *a: spawned.append(spawn(*a)) or spawned[-1]))
    with pytest.raises(WriteError, match="no room"):
        start_run(FOREVER)
    assert len(spawned) == fails_at - 1 and all(child.returncode == -signal.SIGKILL for child in spawned)
    assert runs.list() == [] and not list(runs.folder.glob("captioner-*"))


def test_a_workspace_that_cannot_be_written_is_one_sentence(start_run, runs, tmp_path, monkeypatch):
    (tmp_path / "workspace").write_text("a file")
    with pytest.raises(WriteError, match=r"runs cannot be written.*\(.*\); make room, or .* another --workspace"):
        start_run("exit 0")


def test_a_program_that_cannot_be_started_leaves_nothing(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(WriteError, match="or no process be started"):
        runs.start("captioner", tmp_path)
    assert runs.list() == []


def test_two_servers_that_start_at_once_start_one_run(tmp_path):
    server = (
        "import sys; from training.workspace.runs import Runs; sys.executable = '/bin/sleep'\n"
        "import training.workspace.runs as r; r._options = lambda kind, options: []\n"
        "from runtime.errors import SettingError\n"
        f"runs = Runs({str(tmp_path)!r}); spawn = Runs._spawn\n"
        "Runs._spawn = staticmethod(lambda run, command: spawn(run, ['60']))\n"
        "input()\n"
        "try: print(runs.start('vqa', 'data').about['pid'])\n"
        "except SettingError: print('refused')\n"
    )
    servers = [
        subprocess.Popen([sys.executable, "-c", server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in servers:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].strip() for process in servers]
    assert sorted(said)[1] == "refused" and said.count("refused") == 1
    os.kill(int(min(said)), signal.SIGKILL)


@pytest.mark.parametrize(
    "script", ["exit 1", "echo MemoryError; exit 1", "kill -9 $$", "echo 'torch.cuda.OutOfMemoryError: x'"]
)
def test_a_run_that_ends_of_itself_before_its_first_save_has_failed(start_run, script):
    run = ended(start_run(script))
    assert run.state == "failed" and "ended before its time" in run.error and "\n" not in run.error


def test_a_run_that_was_killed_after_a_save_can_go_on(start_run, runs):
    run = ended(start_run('touch "$folder/resume.pt"; kill -9 $$'))
    assert run.state == "stopped" and run.error is None


def test_one_at_a_time(start_run, runs):
    run = start_run(FOREVER)
    with pytest.raises(SettingError, match="captioner-1 is being trained; stop it, or wait"):
        start_run(FOREVER)
    with pytest.raises(SettingError, match="is being trained"):
        runs.resume(run.name)
    runs.stop(run.name)
    assert ended(run).state == "stopped"
    assert start_run("echo 'done: x'").name == "captioner-2"


def test_a_stopped_run_begins_again_without_a_save_and_goes_on_with_one(start_run, runs, tmp_path):
    run = start_run(FOREVER)
    runs.stop(run.name)
    ended(run)
    (tmp_path / "program").write_text('#!/bin/sh\necho "done: $*"\n')
    runs.resume(run.name)
    assert "--resume" not in ended(run).progress().last_line
    (run.folder / "resume.pt").touch()
    runs.resume(run.name)
    assert ended(run).progress().last_line.endswith(f"--out {run.folder} --resume")
    assert "--resume" not in run.about["command"]


def test_a_server_that_starts_again_finds_its_run_and_can_stop_it(start_run, runs):
    run = start_run(FOREVER)
    again = Runs(runs.folder.parent)
    assert [(r.name, r.state) for r in again.list()] == [(run.name, "running")]
    with pytest.raises(SettingError, match="is being trained"):
        again.start("captioner", "data")
    again.stop(run.name)
    assert ended(again.get(run.name)).state == "stopped"


def test_a_run_outlives_the_server_that_began_it(tmp_path):
    """Ended with the signal that a terminal sends to all of a server's own group."""
    server = (
        "import sys, os, signal; from training.workspace.runs import Runs; sys.executable = '/bin/sleep'\n"
        "import training.workspace.runs as r\n"
        f"runs = Runs({str(tmp_path)!r})\n"
        "runs._launch(r.Run(runs._new_folder('vqa')), {'began': 1, 'kind': 'vqa', 'settings': {}}, ['60'])\n"
        "os.killpg(0, signal.SIGINT)"
    )
    subprocess.run([sys.executable, "-c", server], start_new_session=True, capture_output=True, check=False)
    (run,) = Runs(tmp_path).list()
    assert run.state == "running"
    os.kill(run.about["pid"], signal.SIGKILL)
    ended(run)


def test_a_stop_that_is_asked_again_kills_only_after_a_while(start_run, runs, monkeypatch):
    run = start_run("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: run.progress().last_line == "ready")
    runs.stop(run.name)
    runs.stop(run.name)
    time.sleep(0.2)
    assert run.state == "running"
    monkeypatch.setattr("training.workspace.runs.STOP_TIMEOUT", 0)
    runs.stop(run.name)
    assert ended(run).state == "stopped"
    runs.stop(run.name)  # nothing is left to stop


def test_another_process_that_got_the_number_is_not_the_run(start_run, runs):
    run = ended(start_run("exit 0"))
    about = run.about | {"pid": os.getpid(), "process_started": start_time() - 60}
    (run.folder / "run.json").write_text(json.dumps(about))
    assert run.state != "running"
    runs.stop(run.name)  # or this test would be over
    (run.folder / "run.json").write_text(json.dumps(about | {"process_started": start_time()}))
    assert run.state == "running"


def test_progress_is_read_from_the_records(start_run):
    run = ended(start_run("exit 0", epochs=9))
    assert run.progress().epochs == 9 and run.progress().losses == [] and run.progress().left is None
    (run.folder / "steps.jsonl").write_text(lines(step(1, 5, 3.0), step(1, 10, 2.0), step(2, 3, 1.0)) + '{"cut sh')
    alarm = {"name": "flat", "sentence": "the attention is flat.", "epoch": 1}
    (run.folder / "log.jsonl").write_text(lines(alarm, epoch(1, 10.0, "a a a"), alarm))
    now = run.progress()
    assert (now.epoch, now.epochs, now.step, now.steps, now.left) == (2, 9, 3, 10, 97.0)
    assert now.losses == [{"step": 5, "loss": 3.0}, {"step": 10, "loss": 2.0}, {"step": 13, "loss": 1.0}]
    assert now.scores == [{"epoch": 1, "score": 10.0, "cider": 10.0}]
    assert now.samples == [[{"image": "/x/a.jpg", "caption": "a a a"}]] and now.alarms == ["the attention is flat."]


def test_what_a_killed_run_did_again_is_drawn_once(start_run):
    run = ended(start_run("exit 0"))
    (run.folder / "steps.jsonl").write_text(lines(step(1, 5, 3.0), step(1, 10, 2.0), step(1, 5, 2.9)))
    (run.folder / "log.jsonl").write_text(lines(epoch(1, 10.0), epoch(2, 20.0), epoch(2, 21.0)))
    now = run.progress()
    assert now.losses == [{"step": 5, "loss": 2.9}, {"step": 10, "loss": 2.0}] and now.step == 5
    assert [s["cider"] for s in now.scores] == [10.0, 21.0] and len(now.samples) == 2


def test_a_long_curve_is_thinned_and_keeps_both_ends(start_run):
    run = ended(start_run("exit 0"))
    (run.folder / "steps.jsonl").write_text(lines(*(step(1 + n // 10, n % 10, n) for n in range(10_000))))
    losses = run.progress().losses
    assert POINTS <= len(losses) <= POINTS + 2
    assert losses[0]["loss"] == 0 and losses[-1]["loss"] == 9999


def test_scores_before_and_after_are_those_the_model_s_folder_tells(start_run, tmp_path):
    run = ended(start_run("exit 0"))
    assert run.scores() == {"before": None, "after": None} and run.model is None
    small_captioner().save(run.folder / "best")
    update_config(run.folder, about={"before": {"cider": 1.0}, "after": {"cider": 2.0}})
    assert run.scores() == {"before": {"cider": 1.0}, "after": {"cider": 2.0}}


def test_there_is_nothing_to_download_before_there_is_a_model(start_run, tmp_path):
    with pytest.raises(SettingError, match="captioner-1 has no model yet"):
        ended(start_run("exit 0")).zip(tmp_path)


@pytest.mark.parametrize(
    "name", ["captioner-2", "../captioner-1", "", ".", "captioner-1/best", "/etc", "captioner-1\n", None]
)
def test_a_name_that_is_no_run_of_the_list_is_refused(start_run, runs, name):
    ended(start_run("exit 0"))
    with pytest.raises(SettingError, match="there is no run"):
        runs.get(name)


def test_runs_are_listed_the_latest_first_and_a_damaged_one_hides_no_other(start_run, runs):
    names = [ended(start_run("exit 0")).name for _ in range(3)]
    assert [run.name for run in runs.list()] == names[::-1]
    (runs.folder / names[1] / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json cannot be read"):
        _ = runs.get(names[1]).state
    assert [run.name for run in runs.list()] == [names[2], names[0]]


def test_an_option_that_cannot_be_is_refused_before_there_is_a_run(runs):
    with pytest.raises(SettingError, match="warmup is 1; choose a share"):
        runs.start("captioner", "data", warmup=1)
    assert not runs.folder.exists()


def test_there_are_two_kinds(runs):
    with pytest.raises(SettingError, match="no kind of run 'encoder'; choose one of captioner, vqa"):
        runs.start("encoder", "data")
