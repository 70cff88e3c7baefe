"""Every option of training ignored, one at a time: of each, a test must fail. Run by hand.

    python tests/ignored_options.py [CLASS.FIELD ...] [--tests PATH ...]

An option is ignored where the code that reads it from its config always gets the default, whatever was given. First
the tests are run once, to see which of them give an option another value that the code then reads; then, for each
option, those tests again with the option ignored, until one fails. Prints a line an option; exit status 1 where one
survives. Tests that start other processes are not followed there. The tests are collected once: each option gets a
copy of that process.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
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
    """Which tests make the code read which options at other values, and how long each takes; a plugin of pytest.

    Attributes:
        names: `{option: {test or "file::fixture"}}`; what a fixture of a whole file reads is noted under its name.
        seconds: `{test: its duration}`.
        failed: why tests fail although no option is ignored.
    """

    def __init__(self):
        self.names: dict[str, set[str]] = defaultdict(set)
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: dict[str, str] = {}
        self.now = ""

    def seen(self, option: str) -> None:
        self.names[option].add(self.now)

    def pytest_runtest_setup(self, item):
        self.now = item.nodeid

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        before = self.now
        if fixturedef.scope != "function":
            self.now = fixture_of(before, fixturedef.argname)
        try:
            return (yield)
        finally:
            self.now = before

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed[report.nodeid] = report.longreprtext.strip().splitlines()[-1]


def fixture_of(test: str, name: str) -> str:
    return f"{test.partition('::')[0]}::{name}"


def run_items(session: pytest.Session, items: Sequence[pytest.Item], *, first_failure: bool) -> int:
    """Run these tests, as pytest does; how many failed."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if first_failure and session.testsfailed:
            break
    return session.testsfailed


def in_a_process(work: Callable[[], int], seconds: int = 0) -> int:
    """The exit status of a process that is a copy of this one and does this work; after so many seconds it is ended."""
    process = os.fork()
    if not process:
        status = 99
        try:
            signal.alarm(seconds)
            status = min(work(), 98)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def record(session: pytest.Session, target: Path) -> int:
    """Run all tests, and write down which of them make the code read which options, how long they take, which fail."""
    readers = Readers()
    session.config.pluginmanager.register(readers)
    for kind, name in every_option().values():
        watch(kind, name, seen=readers.seen)
    run_items(session, session.items, first_failure=False)
    names = {option: sorted(names) for option, names in readers.names.items()}
    target.write_text(json.dumps([names, readers.seconds, readers.failed]))
    return 0


def readers_of(items: Sequence[pytest.Item], names: set[str], seconds: dict[str, float]) -> list[pytest.Item]:
    """The tests that read an option, themselves or by a fixture: file by file, the quickest file first."""
    files = defaultdict(list)
    for item in items:
        if item.nodeid in names or any(fixture_of(item.nodeid, name) in names for name in item.fixturenames):
            files[item.path].append(item)
    by_time = sorted(files.values(), key=lambda tests: sum(seconds.get(test.nodeid, 0) for test in tests))
    return [test for tests in by_time for test in tests]


class Ignoring:
    """In the place of pytest's own loop: every chosen option ignored, in a process of its own.

    Args:
        options: by name.
        say: is given each line of the report.

    Attributes:
        alive: the options that no test saw ignored.
    """

    def __init__(self, options: Sequence[str], say: Callable[[str], None]):
        self.options, self.say = options, say
        self.alive: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        with TemporaryDirectory() as folder:
            target = Path(folder) / "read.json"
            if in_a_process(lambda: record(session, target)):
                raise SystemExit("the tests could not be run.")
            names, seconds, failed = json.loads(target.read_text())
        for test, why in failed.items():
            self.say(f"left out  {test} fails although no option is ignored: {why}")
        items = [item for item in session.items if item.nodeid not in failed]
        for option in self.options:
            self.try_without(session, option, readers_of(items, set(names.get(option, ())), seconds), seconds)
        return True

    def try_without(self, session, option: str, tests: list[pytest.Item], seconds: dict[str, float]) -> None:
        def work() -> int:
            watch(*every_option()[option], ignored=True)
            return run_items(session, tests, first_failure=True)

        begin = time.monotonic()
        limit = 60 + 10 * int(sum(seconds.get(test.nodeid, 0) for test in tests))  # a test that never ends has seen it
        status = in_a_process(work, limit) if tests else 0
        if status == 99:
            raise SystemExit(f"{option}: the tests could not be run.")
        if not status:
            self.alive.append(option)
        why = f"{len(tests)} tests, {time.monotonic() - begin:.0f} s" if tests else "no test gives it another value"
        verdict = "SURVIVES" if not status else "killed  " if status > 0 else "no end  "
        self.say(f"{verdict}  {option}  ({why})")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("options", nargs="*")
    parser.add_argument("--tests", nargs="*", default=TESTS)
    given = parser.parse_args()
    for _, command in COMMANDS.values():  # once, before the processes part
        import_module(command.partition(":")[0])
    output = sys.stdout
    ignoring = Ignoring(given.options or list(every_option()), lambda line: print(line, file=output, flush=True))
    os.chdir(ROOT)
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
        arguments = ["-q", "-n", "0", "-p", "no:cacheprovider", "--basetemp", f"{folder}/tests", *given.tests]
        code = pytest.main(arguments, plugins=[ignoring])
    if code:
        raise SystemExit(said.getvalue()[-3000:])
    print(f"{len(ignoring.options) - len(ignoring.alive)} of {len(ignoring.options)} were seen by a test.")
    raise SystemExit(bool(ignoring.alive))


if __name__ == "__main__":
    main()
