"""Runs into a folder: rows as the plain commands give them, each once, whatever stops a run. Ray is in test_cluster."""

import json
import os
import socket
import sys
import threading
from functools import cache
from pathlib import Path

import pytest
from captioner_toys import small_captioner
from filelock import FileLock
from scale_toys import photos, rows_of, tar_of, work_here
from vqa_toys import QUESTIONS, small_answerer

import captioner.at_scale
import captioner.model
import vqa.at_scale
from captioner.__main__ import app as caption
from runtime.command import exit_status
from runtime.onnx_graphs import available_cores
from scale import cluster, job
from scale.parts import parts_of
from vqa.__main__ import app as ask

pytest.importorskip("pyarrow", reason="rows are written with pyarrow")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {"captioner": small_captioner().save(folder / "captioner"), "vqa": small_answerer().save(folder / "vqa")}


@pytest.fixture(scope="module")
def load():
    return {"captioner": cache(captioner.load), "vqa": cache(vqa.load)}


@pytest.fixture
def run(models, load, monkeypatch, capsys, tmp_path):
    """Call a command in a folder with three shards, Ray's work done here: (exit status, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as a worker does
    for number in range(3):
        tar_of(Path(f"shards/{number}.tar"), {f"{number}-{name}": data for name, data in photos().items()})
    monkeypatch.setattr("scale.cluster.process_parts", work_here)
    monkeypatch.setattr("runtime.installed.find_spec", lambda name: name)
    for module in (captioner.at_scale, captioner.model):
        monkeypatch.setattr(module, "load", load["captioner"])
    monkeypatch.setattr(vqa.at_scale, "load", load["vqa"])
    for module in ("runtime.device", "encoders.inference"):
        monkeypatch.setattr(f"{module}.bf16_is_fast", lambda device: False)

    def call(*arguments, app=caption, engine="ray", model=None):
        name = "captioner" if app is caption else "vqa"
        options = ["--model", str(model or models[name]), *(["--engine", engine] if engine else [])]
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments), *options])
        status, out, err = exit_status(app), *capsys.readouterr()
        assert engine != "ray" or not out
        return status, err

    return call


def test_rows_are_those_of_the_plain_command(run, capsys):
    status, err = run("shards", "--out", "rows")
    assert status == 1 and "27 photos in 3 parts were written to rows.\n3 photos or files could not" in err
    rows = rows_of("rows")
    run(*sorted(Path("shards").iterdir()), "--out", "plain.jsonl", engine=None)
    plain = [json.loads(line) for line in Path("plain.jsonl").read_text().splitlines()]
    good = [{**row, "words": [dict(word) for word in row["words"]]} for row in rows if not row.pop("error")]
    assert [{name: row[name] for name in good[0]} for row in plain] == good and len(good) == 24
    bad = [row for row in rows_of("rows") if row["error"]]
    assert [(row["image"], row["caption"], row["words"]) for row in bad] == [
        (f"shards/{n}.tar/{n}-left-zzz.jpg", None, None) for n in range(3)
    ]
    assert all(row["error"].startswith(f"{row['image']} is not a picture") for row in bad)


def test_questions_are_a_row_each(run, models, load):
    status, err = run("shards/1.tar", *QUESTIONS, "--out", "rows", app=ask)
    assert status == 1 and "9 photos in 1 parts" in err
    rows = rows_of("rows")
    assert len(rows) == 8 * 3 + 1 and list(rows[0]) == ["image", "question", "answer", "probability", "sure", "error"]
    look = load["vqa"](str(models["vqa"])).look(photos()["right-red.png"])
    expected = [(q, look.ask(q)[0]) for q in QUESTIONS]
    found = [list(row.values())[1:-1] for row in rows if "right-red" in row["image"]]
    assert found == [[question, best.text, round(best.probability, 4), best.sure] for question, best in expected]
    assert len({answer[2] for answer in found}) == 3
    assert run("shards/1.tar", *QUESTIONS[:2], "--out", "rows", app=ask) == (
        2, "error: rows was made with other options or questions; choose another --out.\n")  # fmt: skip


def test_a_worker_takes_one_core(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert available_cores() == 7
    cluster.Worker(captioner.at_scale.Captions(), "rows", None)
    assert available_cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")  # of nested loops: not for us
    assert available_cores() == (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def test_a_stopped_run_goes_on_where_it_was(run, monkeypatch):
    whole = run("shards", "--out", "whole")
    assert whole[0] == 1
    real, calls = job.write_part, []

    def dying(part, *arguments, **how):
        calls.append(part.number)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(part, *arguments, **how)

    monkeypatch.setattr(cluster, "write_part", dying)
    assert run("shards", "--out", "rows")[0] == 130
    Path("rows/.part-000001.parquet.there-1.writing").write_bytes(b"by a killed process")
    assert sorted(file.name for file in Path("rows").glob("*.parquet")) == ["part-000000.parquet"]
    status, err = run("shards", "--out", "rows")
    assert status == 1 and "1 of 3 parts are in rows already.\n18 photos in 2 parts" in err
    assert calls == [0, 1, 1, 2] and rows_of("rows") == rows_of("whole")
    left = {file.name for file in Path("rows").iterdir()} - {f"part-{n:06}.parquet" for n in range(3)}
    assert left == {"_run.json", ".lock"}
    assert run("shards", "--out", "rows") == (
        0, "3 of 3 parts are in rows already.\n0 photos in 0 parts were written to rows.\n")  # fmt: skip


def test_a_part_that_cannot_be_done_keeps_no_other_from_it(run, monkeypatch):
    real = job.write_part

    def failing(part, *arguments, **how):
        if part.number == 1:
            raise MemoryError("too\nlarge")
        return real(part, *arguments, **how)

    monkeypatch.setattr(cluster, "write_part", failing)
    status, err = run("shards", "--out", "rows")
    assert (
        status == 1
        and "error: part 1 (shards/1.tar) was not done: MemoryError: too\N{REPLACEMENT CHARACTER}large\n" in err
    )
    assert "18 photos in 2 parts" in err and "1 parts were not done; run the same command again" in err
    for _ in range(cluster.MAX_ATTEMPTS - 1):  # Ray would give it to one worker after the other
        part = parts_of(["shards"])[1]
        worker = cluster.Worker(captioner.at_scale.Captions(), "rows", None)
        worker({"part": [part.to_json()]})
    [why] = worker({"part": [part.to_json()]})["error"]
    assert f"{cluster.MAX_ATTEMPTS} workers ended over it" in why
    monkeypatch.setattr(cluster, "write_part", real)
    assert run("shards", "--out", "rows")[0] == 1 and len(rows_of("rows")) == 27  # a new run tries again


def test_what_cannot_be_one_run_is_refused_and_nothing_is_lost(run, models):
    run("shards", "--out", "rows")
    before = rows_of("rows")
    other = small_captioner(layers=1).save("other")
    Path("full").mkdir()
    Path("full/mine.txt").write_text("of somebody")
    for arguments, model, why in (
        (
            ["shards/0.tar", "--out", "rows"],
            None,
            "rows was made of other photos, or some were added or taken away since",
        ),
        (["shards", "--out", "rows"], other, "rows was made with another model, or a changed one"),
        (["shards", "--out", "rows", "--beam", "1"], None, "rows was made with other options or questions"),
        (["shards", "--out", "full"], None, "full holds something else than a run's parts"),
        (["shards", "--out", "full/mine.txt"], None, "full/mine.txt cannot be written (File exists)"),
    ):
        assert run(*arguments, model=model) == (2, f"error: {why}; choose another --out.\n")
    with FileLock("rows/.lock"):
        assert run("shards", "--out", "rows") == (
            2, "error: another run writes into rows; let it end, or choose another --out.\n")  # fmt: skip
    assert rows_of("rows") == before
    for part in Path("rows").glob("part-*"):
        part.unlink()
    assert run("shards/0.tar", "--out", "rows")[0] == 1 and len(rows_of("rows")) == 9  # nothing of a run was in it
    Path("rows/_run.json").write_text("{")
    assert run("shards", "--out", "rows") == (2, "error: rows has a damaged _run.json; choose another --out.\n")


@pytest.mark.parametrize("arguments, engine, words", [
    (["shards"], "ray", "--engine ray writes into a folder; name it with --out."),
    (["shards", "--out", "rows", "--json"], "ray", "--json does nothing with --engine ray; leave it out."),
    (["shards", "--workers", "2"], None, "--workers does nothing without --engine ray; leave it out."),
    (["shards", "--address", "a:1"], "onnx", "--address does nothing without --engine ray; leave it out."),
])  # fmt: skip
def test_options_of_another_engine_are_refused(run, arguments, engine, words):
    assert run(*arguments, engine=engine) == (2, f"error: {words}\n")


def test_without_ray_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr("runtime.installed.find_spec", lambda name: None)
    assert run("shards", "--out", "rows") == (
        2, "error: --engine ray needs Ray, which is not installed; run: pip install '.[scale]'\n")  # fmt: skip
    assert not Path("rows").exists()


def test_the_reason_is_found_in_what_ray_says():
    said = (
        "RPC failed\n  File x\nruntime.errors.ModelError: it is damaged; copy it again.\n\n"
        "ray.exceptions.UserCodeException: it failed\nTo change retries, see Ray."
    )
    assert cluster._reason(RuntimeError(said)) == "runtime.errors.ModelError: it is damaged; copy it again"
    error = ConnectionError("no cluster at x")
    assert cluster._reason(error) == "no cluster at x" and cluster._reason(RuntimeError()) == "RuntimeError"
    error.__cause__ = RuntimeError("Traceback\n  a\nray.exceptions.AuthenticationError: no token")
    assert cluster._reason(error) == "AuthenticationError: no token"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere", "ray://"])
def test_an_address_that_does_not_answer_is_one_sentence(run, monkeypatch, address):
    monkeypatch.undo()
    with pytest.raises(cluster.SettingError, match=f"no Ray cluster answers at {address} "):
        cluster._require_reachable(address)


@pytest.mark.parametrize("answer, error", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers is not Ray"), (b"", "what answers is not Ray"),
    (None, "timed out"),
    (bytes((0, 0, 12, 4, 0, 0, 0, 0, 0)) + bytes(12), None),  # as gRPC's server
])  # fmt: skip
def test_an_address_where_something_else_answers_is_one_sentence(monkeypatch, answer, error):
    def serve():
        connection = server.accept()[0]
        assert connection.recv(99).startswith(b"PRI * HTTP/2.0")
        if answer is None:
            ended.wait(20)
        connection.sendall(answer or b"")
        connection.close()

    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 1)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if error:
            with pytest.raises(cluster.SettingError, match=rf"no Ray cluster answers at {address} \({error}\)"):
                cluster._require_reachable(address)
        else:
            cluster._require_reachable(address)
        ended.set()
        thread.join()


def test_a_photo_that_was_read_away_from_here_is_named_as_it_was_given(run):
    Path("list.txt").write_text("shards/0.tar\nnone.png\n")
    status, err = run("list.txt", "--out", "rows")
    assert status == 1 and "10 photos in 2 parts" in err
    assert rows_of("rows")[-1]["error"] == "none.png does not exist; check the spelling of the path."
