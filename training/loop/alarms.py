"""An alarm: something looks wrong with a run. What raises one is a task's own business."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """Something looks wrong. `name` is the same for the same trouble, `sentence` says what was seen and what to try."""

    name: str
    sentence: str
    epoch: int = 0  # 0: before the first


def new_alarms(found: Iterable[Alarm], before: Sequence[str]) -> list[Alarm]:
    """The alarms of `found` whose names are not in `before`."""
    return [alarm for alarm in found if alarm.name not in before]
