"""Options as a tree of frozen dataclasses whose leaves are known by their names: the base of every config.

    CaptionerConfig.of(data="DATA", out="OUT", epochs=3)    # leaves by name, defaults for the rest
    config.leaves()                                         # and back: {"data": ..., "epochs": 3, ...}
    config.arguments()                                      # the words of the command line that gives the same config

The help of an option is its line under `Attributes:` in the docstring of its class, or of one that this inherits from.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from runtime.errors import SettingError

C = TypeVar("C", bound="Config")
REQUIRED = MISSING  # the default of an option that has none


@dataclass(frozen=True)
class Option:
    """A leaf of a config.

    Attributes:
        type: of its values: `int`, `str | None`, `tuple[Path, ...]`.
        default: in this config; `REQUIRED` where it has none.
        positional: whether the command line gives it by its place and not by its name.
        negatable: of a bool, whether the command line also takes `--no-NAME`: where it is on by default or by a preset.
    """

    name: str
    type: Any
    default: Any
    help: str
    positional: bool = False
    negatable: bool = False


class Config:
    """A group of options, or a tree of groups; a subclass is a frozen dataclass.

    `PRESETS`: name -> leaves that have other defaults where `of` is given that preset.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def of(cls: type[C], *, preset: str | None = None, **given: Any) -> C:
        """The config with these leaves, wherever they are in the tree. A path may be text, and one of a list alone.

        Raises:
            SettingError: there is no such option or preset, one is missing, or a value cannot be.
        """
        if preset is not None and preset not in cls.PRESETS:
            raise SettingError(f"there is no preset {preset!r}; choose one of {', '.join(cls.PRESETS) or 'none'}.")
        known = options(cls)
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise SettingError(f"there is no option {name!r}; " + (
                    f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}."))  # fmt: skip
        given = {**cls.PRESETS.get(preset, {}), **given}
        return _build(cls, {name: _as_type(value, known[name].type) for name, value in given.items()}, REQUIRED)

    def leaves(self) -> dict[str, Any]:
        """Every leaf of the tree by its name."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        groups = [value.leaves() for value in own.values() if isinstance(value, Config)]
        flat = {name: value for name, value in own.items() if not isinstance(value, Config)}
        return {name: value for part in [*groups, flat] for name, value in part.items()}

    def arguments(self, *, without: Collection[str] = ()) -> list[str]:
        """The words of a command line that gives this config: those of the options that differ from their defaults.

        Args:
            without: options that are left out.
        """
        words, leaves = [], self.leaves()
        for option in options(type(self)).values():
            value = leaves[option.name]
            if value != option.default and option.name not in without:
                words += _words(option, value)
        return words

    def _require_at_least(self, least: float, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise SettingError(f"{name} is {value}; choose {least} or more.")

    def _require_positive(self, *names: str) -> None:
        for name in names:
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingError(f"{name} is {getattr(self, name)}; choose a number above 0.")

    def _require_fraction(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise SettingError(f"{name} is {value}; choose a share from 0 up to 1, without 1 itself.")

    def _require_one_of(self, name: str, *known: str) -> None:
        value = getattr(self, name)
        if value is not None and value not in known:
            choices = " or ".join(filter(None, (", ".join(known[:-1]), known[-1])))
            raise SettingError(f"{name} is {value!r}; choose {choices}.")

    def _non_default(self, *names: str) -> list[str]:
        """Those of these leaves that are not at their defaults, as spelt on the command line."""
        known = options(type(self))
        return [spelling(name) for name in names if getattr(self, name) != known[name].default]


def spelling(name: str) -> str:
    """`batch_size` -> `--batch-size`."""
    return f"--{name.replace('_', '-')}"


@cache
def options(config: type[Config]) -> dict[str, Option]:
    """The leaves of a config by name, those of its groups in their order."""
    return {option.name: option for option in _options(config, REQUIRED, frozenset().union(*config.PRESETS.values()))}


def help_of(config: type[Config]) -> str:
    """What the docstring of a config says before its attributes."""
    return " ".join((config.__doc__ or "").partition("Attributes:")[0].split())


def _options(config: type[Config], whole: Any, in_presets: frozenset) -> Iterator[Option]:
    for field in fields(config):
        default = _default(field, whole)
        if is_dataclass(field.type):
            yield from _options(field.type, default, in_presets)
        else:
            yield Option(
                field.name, field.type, default, _attributes(config).get(field.name, ""),
                positional=field.metadata.get("positional", False),
                negatable=default is True or (field.type is bool and field.name in in_presets),
            )  # fmt: skip


def _default(field: Field, whole: Any) -> Any:
    """Of a field: what the instance has that stands for its whole group, or else its own."""
    return field.default if whole is REQUIRED else getattr(whole, field.name)


def _build(config: type[C], given: Mapping[str, Any], whole: Any) -> C:
    values = {}
    for field in fields(config):
        default = _default(field, whole)
        if is_dataclass(field.type):
            values[field.name] = _build(field.type, given, default)
        elif field.name in given:
            values[field.name] = given[field.name]
        elif default is REQUIRED:
            raise SettingError(f"{field.name} is missing; it has no default.")
        else:
            values[field.name] = default
    return config(**values)


def _as_type(value: Any, kind: Any) -> Any:
    """Text as a path where the option is one, and the other way round; one value as a list of one."""
    if kind in (Path, Path | None):
        return None if value is None else Path(value)
    if kind in (tuple[Path, ...], tuple[str, ...]):
        one_kind = Path if kind == tuple[Path, ...] else str
        return tuple(one_kind(one) for one in ([value] if isinstance(value, (str, Path)) else value))
    return str(value) if isinstance(value, Path) else value


def _words(option: Option, value: Any) -> list[str]:
    if option.type is bool:
        return [spelling(option.name) if value else spelling(f"no_{option.name}")]
    values = [str(one) for one in (value if isinstance(value, tuple) else [value])]
    return values if option.positional else [word for one in values for word in (spelling(option.name), one)]


def _attributes(config: type) -> dict[str, str]:
    """Name -> help, of the `Attributes:` of its docstring and of those it inherits from."""
    found: dict[str, str] = {}
    for kind in reversed(config.__mro__):
        text = (kind.__dict__.get("__doc__") or "").partition("Attributes:\n")[2]
        for entry in re.split(r"\n {4,8}(?=\w+: )", "\n" + text.rstrip()):
            name, colon, text = entry.partition(": ")
            if colon and name.isidentifier():
                text = " ".join(text.split())  # one that begins with a `value` is left as it is
                found[name] = (text[:1].upper() + text[1:]).replace("`", "")
    return found
