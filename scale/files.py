"""Files on this computer, by their paths, and behind addresses, which fsspec opens."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runtime.errors import DataError, GlimpseError, SettingError, printable


def is_address(name: str) -> bool:
    """Whether fsspec has to open it."""
    return "://" in name


@contextmanager
def open_file(name: str, base: str = "") -> Iterator[BinaryIO]:
    """A file here or behind an address; raises whatever its file system raises."""
    if is_address(name):
        import fsspec

        with fsspec.open(name, "rb") as file:
            yield file
    else:
        with Path(base, name).open("rb") as file:
            yield file


@contextmanager
def errors_as_sentences(name: str) -> Iterator[None]:
    """Whatever a file system raises becomes a sentence about `name`; each kind of address raises errors of its own.

    Raises:
        SettingError: an address of a kind that is not known or not installed. DataError: any other reason.
    """
    try:
        yield
    except GlimpseError:
        raise
    except Exception as error:
        why = " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split()).rstrip(".")
        if isinstance(error, ImportError) or "Protocol not known" in why:
            raise SettingError(
                f"{printable(name)} cannot be opened ({why}); install what opens such addresses."
            ) from None
        raise DataError(
            f"{printable(name)} cannot be read ({why}); check its spelling and your access to it."
        ) from None
