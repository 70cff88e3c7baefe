"""A training command that says in `status.json` what it is doing."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

from training.loop.report import report_status

C = TypeVar("C")


def reporting(train: Callable[[C], Path]) -> Callable[[C], Path]:
    """Decorate a training command so that it keeps `OUT/status.json` while it runs, and an earlier run in OUT."""

    @wraps(train)
    def run(config: C) -> Path:
        config.run.keep_earlier_run()
        with report_status(config.run.out):
            return train(config)

    return run
