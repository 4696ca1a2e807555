"""Import of packages that only export and model folders need (`pip install 'moeasr[deploy]'`)."""

import importlib
from types import ModuleType

from moeasr.errors import InputError


def import_optional(name: str) -> ModuleType:
    """Import a package of the extra `deploy`.

    Raises:
        InputError: The package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.replace("_", "-")
        raise InputError(
            f"this needs the package {package}; install it with `pip install 'moeasr[deploy]'`"
        ) from None
