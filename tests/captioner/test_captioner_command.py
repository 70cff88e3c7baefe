"""The command line `python -m captioner`: what it prints where, its exit status, and how it goes on after trouble."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest
from captioner_toys import small_captioner
from PIL import Image
from toys import COLOURS, square

import captioner.model
from captioner.__main__ import KEPT, app
from captioner.captions_file import CaptionsFile
from runtime.command import exit_status


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_captioner().save(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture
def folder(tmp_path):
    """Four photos, one of them in a folder of its own, a text named .jpg, and a file that is no photo's."""
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for name, colour in zip(("a.png", "b.JPG", "d.png", "more/e.png"), COLOURS, strict=True):
        square(colour, "left").save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "c.jpg").write_text("not a photo")
    (tmp_path / "photos" / "notes.txt").write_text("nor this")
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def load():
    """Each model folder is loaded once for all calls."""
    return cache(captioner.load)


@pytest.fixture
def command(float32, model, load, monkeypatch, capsys):
    """Call the command on the small model: (exit status, standard output, standard error)."""
    monkeypatch.setattr(captioner.model, "load", load)

    def call(*arguments, model=model):
        monkeypatch.setattr(sys, "argv", ["captioner", *map(os.fsdecode, arguments), "--model", str(model)])
        return exit_status(app), *capsys.readouterr()

    return call


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_one_photo_gives_one_line(command, model, load, folder):
    photo = folder / "a.png"
    expected = load(str(model))(photo)
    assert command(photo) == (0, expected.text + "\n", "")
    status, out, err = command(photo, "--json")
    [results] = lines(out)
    assert (status, err, list(results)) == (0, "", ["image", "caption", "log_prob", "words", "alternatives"])
    assert (results["image"], results["caption"], len(results["alternatives"])) == (str(photo), expected.text, 2)
    assert [w["word"] for w in results["words"]] == expected.text.split()


def test_several_photos_are_named_and_in_the_order_given(command, folder):
    photos = [folder / "d.png", folder / "a.png", folder / "b.JPG"]
    status, out, _ = command(*photos)
    alone = [command(photo)[1] for photo in photos]
    assert (status, out.splitlines()) == (
        0,
        [f"{p}: {results.strip()}" for p, results in zip(photos, alone, strict=True)],
    )


def test_a_bad_file_in_a_folder_is_reported_and_passed_over(command, folder):
    status, out, err = command(folder)
    assert status == 1
    assert [line.split(": ")[0] for line in out.splitlines()] == [
        str(folder / name) for name in ("a.png", "b.JPG", "d.png", "more/e.png")
    ]
    assert "c.jpg is not a picture" in err
    assert "1 of 5 photos could not be opened." in err

    status, out, _ = command(folder, "--json")
    results = lines(out)
    assert (status, len(results)) == (1, 5)
    assert list(results[2]) == ["image", "error"]
    assert "is not a picture" in results[2]["error"]


def test_captions_go_to_standard_output_although_a_bar_is_drawn(command, folder, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich believe in a terminal
    _, out, err = command(folder, "--json")
    assert len(lines(out)) == 5
    assert "captioning" in err


def test_out_is_resumed(command, folder, tmp_path):
    out = tmp_path / "said.jsonl"
    first = command(folder / "d.png", folder / "a.png", "--out", out)
    assert first[:2] == (0, "") and first[2].strip() == f"2 captions are new in {out}."
    status, printed, err = command(folder, "--json", "--out", out)
    assert (status, printed) == (1, "")  # c.jpg failed
    assert "2 of 5 photos are in" in err and f"2 captions are new in {out}" in err
    assert [results["image"] for results in lines(out.read_text())] == [
        str(folder / name) for name in ("d.png", "a.png", "b.JPG", "more/e.png")
    ]
    (folder / "c.jpg").write_bytes((folder / "a.png").read_bytes())
    assert command(folder, "--out", out)[0] == 0  # a bad file is tried again
    before = out.read_text()
    assert len(lines(before)) == 5
    assert command(folder, "--out", out) == (0, "", f"5 of 5 photos are in {out} already, {KEPT}\n")
    assert out.read_text() == before


FIRST = '{"image": "a.png", "caption": "a"}\n'


@pytest.mark.parametrize("last", ['{"photo": 1}\n', "[1]\n", '{"image": []}\n', "dear Ann", '{"photo": 1}', "[" * 9999])
def test_a_line_that_is_no_caption_is_a_sentence_and_stays(command, folder, tmp_path, last):
    out = tmp_path / "said.jsonl"
    out.write_text(FIRST + last)
    status, printed, err = command(folder, "--out", out)
    assert (status, printed) == (2, "")
    assert err == (f"error: line 2 of {out} is not a whole caption of an earlier run; "
                   "delete that line or choose another --out.\n")  # fmt: skip
    assert out.read_text() == FIRST + last


@pytest.mark.parametrize("last", ["{", '{"image": "b.p', '{"image": "b.png"}'])
def test_a_line_that_a_killed_run_did_not_finish_is_written_anew(command, folder, tmp_path, last):
    out = tmp_path / "said.jsonl"
    out.write_text(FIRST + last)
    assert command(folder / "a.png", "--out", out)[0] == 0
    assert [results["image"] for results in lines(out.read_text())] == ["a.png", str(folder / "a.png")]


def test_two_runs_do_not_add_to_one_file(command, folder, tmp_path):
    out = tmp_path / "said.jsonl"
    first = CaptionsFile(out)
    refused = f"error: another run is adding to {out}; wait for its end or choose another --out.\n"
    assert command(folder / "a.png", "--out", out) == (2, "", refused)
    first.close()  # as its process's end does, whatever ended it
    assert command(folder / "a.png", "--out", out)[0] == 0


def test_an_out_that_cannot_be_written_is_a_sentence(command, folder, tmp_path):
    for bad in (tmp_path, tmp_path / "nowhere" / "said.jsonl"):
        status, _, err = command(folder, "--out", bad)
        assert (status, err.count("\n")) == (2, 1)
        assert f"{bad} cannot be added to" in err


def test_json_lines_are_not_written_under_the_name_of_another_table(command, folder, tmp_path):
    refused = f"error: {tmp_path / 'said.CSV'} would hold JSON lines; name it said.jsonl.\n"
    assert command(folder, "--out", tmp_path / "said.CSV") == (2, "", refused)
    assert not (tmp_path / "said.CSV").exists()


def test_a_photo_is_no_file_to_add_to(command, folder):
    before = (folder / "a.png").read_bytes()
    status, _, err = command(folder, "--out", folder / "a.png")
    assert (status, err.count("\n")) == (2, 1) and "line 1 of" in err
    assert (folder / "a.png").read_bytes() == before


def test_attention_writes_a_picture(command, folder, tmp_path):
    photo, target = tmp_path / "wide.jpg", tmp_path / "look.png"
    square("red", "left").resize((400, 300)).save(photo)
    status, out, _ = command(photo, "--attention", target)
    assert status == 0
    with Image.open(target) as picture:
        assert picture.width > 200 * min(6, len(out.split()) + 1)  # a tile for the photo and for each word
        assert picture.height > 150
    status, out, err = command(photo, "--attention", tmp_path / "look.what")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"the picture cannot be saved as {tmp_path / 'look.what'}" in err


def test_n_prints_so_many_sentences(command, folder):
    _, out, _ = command(folder / "a.png", "--n", "3")
    assert len(set(out.splitlines())) == 3
    _, out, _ = command(folder / "a.png", folder / "b.JPG", "--sample", "--n", "2", "--temperature", "2")
    assert [line.split(": ")[0] for line in out.splitlines()] == [str(folder / "a.png")] * 2 + [
        str(folder / "b.JPG")
    ] * 2


def test_the_options_reach_the_search(command, folder):
    photo = folder / "a.png"

    def results(options):
        return command(photo, *options.split())[1].split()

    greedy = results("--beam 1")
    for narrow in ("--top-k 1", "--top-p 1e-9", "--temperature 0.01"):
        assert results(f"--sample {narrow}") == greedy
    assert results("--beam 1 --max-length 2") == greedy[:2]
    assert results("--sample --seed 3") == results("--sample --seed 3") != results("--sample --seed 4")
    once = results("--no-repeat 1")
    assert len(once) == len(set(once)) > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--beam 0", "beam is 0; choose 1 to 100."),
        ("--n 0", "n is 0; choose 1 to 100."),
        ("--n 5", "a beam of 3 gives at most 3 sentences, not 5; widen it."),
        ("--top-k 5", "temperature, top_k and top_p only change sampling; ask for a sample too, or leave them out."),
        ("--seed 1", "--seed only changes sampling; add --sample, or leave it out."),
        ("--sample --beam 3", "--beam and --sample are two ways to choose words; leave one of them out."),
        ("--sample --temperature 0", "temperature is 0.0; choose 0.01 to 100."),
        ("--attention look.png", "--attention draws one photo, not 5; name a single one."),
    ],
)
def test_a_wrong_call_is_one_sentence(command, folder, options, words):
    assert command(folder, *options.split()) == (2, "", f"error: {words}\n")


def test_options_there_are_none_of_leave_with_2(command, folder):
    assert command(folder, "--bean", "3")[:2] == (2, "")
    assert command(folder, "--beam", "three")[:2] == (2, "")
    assert command()[:2] == (2, "")


def test_a_model_that_is_not_there(command, folder, tmp_path):
    words = (
        f"error: {tmp_path / 'nowhere'} does not exist; give a folder with config.json and model.safetensors in it.\n"
    )
    assert command(folder / "a.png", model=tmp_path / "nowhere") == (2, "", words)


def test_photos_that_are_not_there(command, tmp_path):
    status, out, err = command(tmp_path)
    assert (status, out, err) == (2, "", f"error: there are no photos in {tmp_path}; name another folder.\n")
    missing = tmp_path / "missing.jpg"
    status, out, err = command(missing)
    assert (status, out, err) == (1, "", f"error: {missing} does not exist; check the spelling of the path.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows file names that are not UTF-8")
def test_a_name_that_is_not_utf8_is_shown_with_a_replacement(command, tmp_path):
    photo = os.fsencode(tmp_path) + b"/caf\xe9\n.png"
    square("red", "left").save(os.fsdecode(photo))
    for arguments in ([photo], [tmp_path]):
        status, out, _ = command(*arguments, "--json")
        assert status == 0
        assert lines(out)[0]["image"] == str(tmp_path / "caf\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.png")


def test_the_process_prints_json_alone_and_leaves_with_1(folder):
    """As typed, with standard error on a terminal and standard output in a pipe, and the bundled model."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
    ours, theirs = pty.openpty()
    typed = [sys.executable, "-m", "captioner", folder, "--json"]
    done = subprocess.run(typed, stdout=subprocess.PIPE, stderr=theirs, check=False, env=os.environ | {"TERM": "xterm"})
    os.close(theirs)
    screen = "".join(os.read(ours, 100_000).decode().split())  # long lines are broken anywhere
    os.close(ours)
    assert done.returncode == 1
    assert ["caption" in results for results in lines(done.stdout)] == [True, True, False, True, True]
    assert "captioning" in screen
    assert "c.jpgisnotapicture" in screen
