"""Gradio imported without the stub files (`.pyi`) that it writes for editors: 40 % of the time its import takes.

As it defines each component, Gradio parses that component's source and renders its stub anew; nothing at run time reads
it. Where Gradio is imported already, or no more has the function that does so, nothing is changed.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder

MODULE, STUB_WRITER = "gradio.component_meta", "create_or_modify_pyi"


class _Silenced(Loader):
    """A module's own loader, after which the function has nothing to do."""

    def __init__(self, loader: Loader):
        self.create_module, self._exec = loader.create_module, loader.exec_module

    def exec_module(self, module) -> None:
        self._exec(module)
        if hasattr(module, STUB_WRITER):
            setattr(module, STUB_WRITER, lambda *_: None)


class _Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        spec = PathFinder.find_spec(name, path, target) if name == MODULE else None
        if spec and spec.loader:
            spec.loader = _Silenced(spec.loader)
        return spec


def skip_stub_files() -> None:
    """To be called before Gradio is imported."""
    sys.meta_path.insert(0, _Finder())
