"""Files written whole: the old one or the new one is there, and what went wrong is one sentence."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import atomic
from runtime.atomic import atomic_write, write_json, write_text
from runtime.errors import DataError, WriteError

OLD = "what was there before"


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text(OLD)
    return path


def only(file: Path, text: str) -> bool:
    """Whether the file says this, and nothing lies beside it."""
    return file.read_text(encoding="utf-8") == text and list(file.parent.iterdir()) == [file]


def test_a_file_is_replaced_and_leaves_nothing_beside_it(file):
    write_text(file, "naïve \N{GRINNING FACE}")
    assert only(file, "naïve \N{GRINNING FACE}")
    write_json(file, {"a": [1, "é"], "half": "\ud83d"})
    assert json.loads(file.read_text(encoding="utf-8")) == {"a": [1, "é"], "half": "\ud83d"}


def test_content_and_folder_reach_the_disk_before_and_after_the_rename(file, monkeypatch):
    done = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append("fsync") or fsync(handle))
    monkeypatch.setattr(Path, "replace", lambda self, target: done.append("rename") or replace(self, target))
    write_text(file, "new")
    assert done == ["fsync", "rename", "fsync"]


def test_an_error_within_the_block_leaves_the_old_file(file):
    with pytest.raises(ZeroDivisionError), atomic_write(file) as opened:
        opened.write(b"half of ")
        _ = 1 / 0
    assert only(file, OLD)


def test_what_json_cannot_hold_is_refused_before_anything_is_written(file):
    with pytest.raises(TypeError):
        write_json(file, {"path": file})
    assert only(file, OLD)


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_fails_is_one_sentence_and_the_old_file_stays(file, monkeypatch, where, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os if where == "fsync" else Path, where, fail)
        with pytest.raises(WriteError, match=r"note\.txt cannot be written \(.*\); make room") as error:
            write_text(file, "new")
    assert os.strerror(number) in str(error.value) and only(file, OLD)
    assert isinstance(error.value, DataError) and error.value.code == "write"


def test_a_folder_that_is_not_there_is_the_same_sentence(tmp_path):
    with pytest.raises(WriteError, match=r"note\.txt cannot be written \(No such file or directory\)"):
        write_text(tmp_path / "gone" / "note.txt", "new")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 on this system")
@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_a_kill_leaves_the_old_file_and_the_next_writer_clears_up(file, moment):
    script = f"""if True:
        import os, signal
        from pathlib import Path
        from runtime.atomic import atomic_write
        def die(*_): os.kill(os.getpid(), signal.SIGKILL)
        if {moment!r} != "write": setattr({"os" if moment == "fsync" else "Path"}, {moment!r}, die)
        with atomic_write({str(file)!r}) as opened:
            opened.write(b"half of it" * 10_000)
            if {moment!r} == "write": die()
    """
    ended = subprocess.run([sys.executable, "-c", script], cwd=Path(atomic.__file__).parents[1], check=False)
    assert ended.returncode == -signal.SIGKILL and file.read_text() == OLD
    write_text(file, "new")
    assert only(file, "new")
