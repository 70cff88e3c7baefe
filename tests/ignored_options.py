"""Every option of training ignored, one at a time: of each, a test must fail. Run by hand.

    python tests/ignored_options.py [CLASS.FIELD ...] [--tests PATH ...]

An option is ignored where the code that reads it from its config always gets the default, whatever was given. First
the tests are run once, to see which of them give an option another value that the code then reads; then, for each
option, those tests again with the option ignored, until one fails. Prints a line an option; exit status 1 where one
survives. Tests that start other processes are not followed there. All options take a core more than an hour.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
TESTS = ("tests/training", "tests/page/test_retrain.py", "tests/vqa/test_vqa_command.py")

import pytest  # noqa: E402

from training.__main__ import COMMANDS  # noqa: E402
from training.config import options  # noqa: E402


def groups(config: type) -> Iterator[type]:
    """A config and the groups in it."""
    yield config
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(field.type):
            yield from groups(field.type)


def every_option() -> dict[str, tuple[type, str]]:
    """`FitSettings.epochs` -> the class and the field, for all that have a default."""
    kinds = dict.fromkeys(kind for config, _ in COMMANDS.values() for kind in groups(config))
    return {
        f"{kind.__name__}.{field.name}": (kind, field.name)
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING and not dataclasses.is_dataclass(field.type)
    }


def is_read_by_the_code() -> bool:
    """Whether what asks for an option is code that goes by it: no test, and not what carries or checks the options."""
    frame = sys._getframe(2)
    while frame:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        carries = file in (dataclasses.__file__, "<string>") or name in ("leaves", "<dictcomp>", "<listcomp>")
        if not carries:
            return file != options.__file__ and name != "__post_init__" and not file.startswith(f"{ROOT}/tests/")
        frame = frame.f_back
    return False


def watch(kind: type, name: str, *, ignored: bool = False, seen: Callable[[str], Any] | None = None) -> None:
    """Put a property in the place of a field. Where the code reads another value than the default, `seen` is called
    with the option's name; where the option is to be ignored, the code gets the default.
    """
    default = next(field.default for field in dataclasses.fields(kind) if field.name == name)

    def read(self):
        value = self.__dict__[name]
        if value == default or not is_read_by_the_code():
            return value
        if seen:
            seen(f"{kind.__name__}.{name}")
        return default if ignored else value

    setattr(kind, name, property(read, lambda self, value: self.__dict__.__setitem__(name, value)))


class Readers:
    """A plugin of pytest: which tests make the code read which options at other values, and how long each takes."""

    def __init__(self):
        self.tests: dict[str, set[str]] = {}
        self.seconds: dict[str, float] = {}
        self.now = ""

    def seen(self, option: str) -> None:
        self.tests.setdefault(option, set()).add(self.now)

    def pytest_runtest_setup(self, item):
        self.now = item.nodeid.partition("[")[0]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """What a fixture of a whole file reads is read for all its tests."""
        before = self.now
        if fixturedef.scope != "function":
            self.now = before.partition("::")[0]
        try:
            return (yield)
        finally:
            self.now = before

    def pytest_runtest_logreport(self, report):
        test = report.nodeid.partition("[")[0]
        for name in (test, test.partition("::")[0]):
            self.seconds[name] = self.seconds.get(name, 0) + report.duration


def run_tests(arguments: list[str], plugins: list | None = None) -> int:
    os.chdir(ROOT)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *arguments], plugins=plugins or [])
    if code not in (0, 1):
        print(said.getvalue()[-3000:], file=sys.stderr)
    return int(code)


def in_a_process(work: Callable[[], int]) -> int:
    """The exit status of a process that is a copy of this one and does this work."""
    process = os.fork()
    if not process:
        status = 99
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def record(tests: list[str], target: Path) -> int:
    """Run these tests, and write down which of them make the code read which options."""
    readers = Readers()
    for kind, name in every_option().values():
        watch(kind, name, seen=readers.seen)
    code = run_tests(tests, [readers])
    target.write_text(json.dumps([{option: sorted(t) for option, t in readers.tests.items()}, readers.seconds]))
    return code


def survives(option: str, tests: list[str]) -> bool:
    """Whether all these tests pass where the option is ignored."""

    def work() -> int:
        watch(*every_option()[option], ignored=True)
        return run_tests(["-x", *tests])

    code = in_a_process(work)
    if code not in (0, 1):
        raise SystemExit(f"{option}: the tests could not be run.")
    return code == 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("options", nargs="*")
    parser.add_argument("--tests", nargs="*", default=TESTS)
    given = parser.parse_args()
    chosen = given.options or list(every_option())
    for _, command in COMMANDS.values():  # once, before the processes part
        import_module(command.partition(":")[0])
    with TemporaryDirectory() as folder:
        target = Path(folder) / "read.json"
        if in_a_process(lambda: record(list(given.tests), target)):
            raise SystemExit("the tests fail before any option is ignored.")
        readers, seconds = json.loads(target.read_text())
    alive = 0
    for option in chosen:
        begin = time.monotonic()
        found = set(readers.get(option, []))
        tests = [test for test in found if test.partition("::")[0] not in found - {test}]  # not beside its whole file
        tests.sort(key=lambda test: seconds.get(test, 0))
        lives = not tests or survives(option, tests)
        alive += lives
        why = f"{len(tests)} tests, {time.monotonic() - begin:.0f} s" if tests else "no test gives it another value"
        print(f"{'SURVIVES' if lives else 'killed  '}  {option}  ({why})", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} were seen by a test.")
    raise SystemExit(alive > 0)


if __name__ == "__main__":
    main()
