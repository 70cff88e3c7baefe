"""What the command lines share: a user's mistake becomes one sentence on standard error, never a traceback."""

import atexit
import errno
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import typer

from .atomic import DISK_FULL
from .errors import GlimpseError, printable

DONE, SOME_FAILED, USAGE_ERROR = 0, 1, 2


def command_line(**options) -> typer.Typer:
    """A command line whose help is plain text; `options` are typer's own."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **options)


def print_error(text: str) -> None:
    """One line on standard error, where people read; standard output is for results."""
    print(printable(text) if "\n" not in text else text, file=sys.stderr, flush=True)


def run(app: Callable[[], None]) -> NoReturn:
    """Run a command line and exit with its status.

    Python would then take torch apart, which lasts a second and touches 80 MB more of its libraries; the system frees
    it all at once.
    """
    status = exit_status(app)
    threading._shutdown()  # waits for threads, as Python does before it calls what is registered with atexit
    atexit._run_exitfuncs()
    with suppress(OSError):  # which was told
        sys.stdout.flush()
    os._exit(status)


def exit_status(app: Callable[[], None]) -> int:
    """Run a command line and return its exit status; an error is printed as one sentence."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except GlimpseError as error:
        print_error(f"error: {error}")
        return USAGE_ERROR
    except KeyboardInterrupt:
        print_error("stopped.")
        return 130
    except BrokenPipeError:  # whoever read our output has had enough, as `| head` has
        return SOME_FAILED
    except OSError as error:
        if error.errno not in (*DISK_FULL, errno.EROFS):
            raise
        what = "the output" if error.filename is None else printable(error.filename)
        print_error(f"error: {what} cannot be written ({error.strerror}); make room, or name another place.")
        return USAGE_ERROR
    except SystemExit as end:
        return end.code or DONE
    return DONE
