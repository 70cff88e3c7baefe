"""What is installed of the packages that are extras."""

from importlib.util import find_spec

from .errors import SettingError


def has_torch() -> bool:
    """Whether PyTorch is there. It is not imported."""
    return is_installed("torch")


def is_installed(package: str) -> bool:
    """Whether a package is there. It is not imported."""
    return find_spec(package) is not None


def require_ray(what: str) -> None:
    """Go on only where Ray is installed; `what` names what needs it.

    Raises:
        SettingError: it is not.
    """
    if not is_installed("ray"):
        raise SettingError(f"{what} needs Ray, which is not installed; run: pip install '.[scale]'")


def require_torch(what: str) -> None:
    """Raise SettingError unless PyTorch is installed; `what` names what needs it.

    Raises:
        SettingError: it is not.
    """
    if not has_torch():
        raise SettingError(f"{what} needs PyTorch, which is not installed; run: pip install '.[train]'")
