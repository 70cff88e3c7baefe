"""What a run was begun with, small enough to save with it: a resumed run must have the same."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any


def digest(items: Collection[Any], what: str) -> str:
    """A short name for the contents of a collection, with its size: `12 words, #3f2a91bc`."""
    text = json.dumps(list(items), default=str)
    return f"{len(items):,} {what}, #{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`name (was this, now that)` of all that differs. What an older version did not save is taken to be the same."""
    return [f"{name} (was {before[name]}, now {value})" for name, value in now.items()
            if name in before and before[name] != value]  # fmt: skip
