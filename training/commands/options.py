"""A command line made from a config: an option for each leaf, with the default and the help that it has there."""

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from runtime.installed import require_torch
from training.config.options import REQUIRED, Config, Option, help_of, options, spelling

C = TypeVar("C", bound=Config)


def command(config: type[C], call: Callable[[C], Any]) -> Callable[..., None]:
    """A command for Typer that makes the config which the words give, and calls `call` with it."""

    def run(context: typer.Context, **values: Any) -> None:
        given = {name: v for name, v in values.items() if context.get_parameter_source(name).name != "DEFAULT"}
        call(config.of(**given))

    parameters = [Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
    if config.PRESETS:
        kind = Annotated[str | None, typer.Option(help=f"Other defaults: {' or '.join(config.PRESETS)}.")]
        parameters.append(Parameter("preset", Parameter.KEYWORD_ONLY, default=None, annotation=kind))
    parameters += map(_parameter, options(config).values())
    run.__signature__ = Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = help_of(config)
    return run


def lazily(entry: str) -> Callable[..., Any]:
    """The function that `module:function` names; its module is imported when it is called, so `--help` is quick."""
    module, _, function = entry.partition(":")

    def call(*arguments):
        require_torch("training")
        return getattr(import_module(module), function)(*arguments)

    return call


def _parameter(option: Option) -> Parameter:
    kind = {tuple[Path, ...]: list[Path], tuple[str, ...]: list[str]}.get(option.type, option.type)
    if option.positional:
        made = typer.Argument(help=option.help)
    elif option.type is bool and not option.negatable:
        made = typer.Option(spelling(option.name), help=option.help)
    else:
        made = typer.Option(help=option.help)
    shown = None if option.default in ((), "") else option.default  # what is given counts; the default is for the help
    default = Parameter.empty if option.default is REQUIRED else shown
    return Parameter(option.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made])
