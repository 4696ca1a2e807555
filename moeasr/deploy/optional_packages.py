"""Import of packages that belong to an extra (`pip install 'moeasr[deploy]'`)."""

import importlib
from types import ModuleType

from moeasr.errors import InputError


def import_optional(name: str, extra: str = "deploy") -> ModuleType:
    """Import a package of an extra.

    Args:
        name: The module.
        extra: The extra of setup.py that installs its package.

    Raises:
        InputError: The package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.replace("_", "-")
        raise InputError(
            f"this needs the package {package}; install it with `pip install 'moeasr[{extra}]'`"
        ) from None
