"""A training command that says in `status.json` what it is doing."""

from collections.abc import Callable
from functools import wraps


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """The same command, which keeps `OUT/status.json` while it lasts."""

    @wraps(command)
    def run(**options) -> None:
        from training.loop.status import report_status

        with report_status(options["out"]):
            command(**options)

    return run
