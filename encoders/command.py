"""What the command lines share: a user's mistake becomes one sentence on standard error, never a traceback."""

import os
import sys
from collections.abc import Callable

from .errors import GlimpseError, shown

DONE, SOME_FAILED, WRONG_CALL = 0, 1, 2


def say(text: str) -> None:
    """One line on standard error, where people read; standard output is for results."""
    print(shown(text) if "\n" not in text else text, file=sys.stderr, flush=True)


def run(app: Callable[[], None]) -> None:
    """Run a command line and exit with its status."""
    try:
        app()
    except GlimpseError as error:
        say(f"error: {error}")
        sys.exit(WRONG_CALL)
    except KeyboardInterrupt:
        say("stopped.")
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has had enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(SOME_FAILED)
