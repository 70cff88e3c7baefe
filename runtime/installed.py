"""What is installed of the packages that only training needs."""

from importlib.util import find_spec

from .errors import SettingError


def has_torch() -> bool:
    """Whether PyTorch is there. It is not imported."""
    return find_spec("torch") is not None


def require_torch(what: str) -> None:
    """Go on only where PyTorch is installed; `what` is that which needs it.

    Raises:
        SettingError: it is not.
    """
    if not has_torch():
        raise SettingError(f"{what} needs PyTorch, which is not installed; run: pip install '.[train]'")
