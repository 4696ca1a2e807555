"""Import of packages that belong to an extra (`pip install -e '.[deploy]'`)."""

import importlib
from types import ModuleType

from moeasr.errors import InputError


def import_optional(name: str, extra: str = "deploy") -> ModuleType:
    """Import a package of an extra.

    Args:
        name: The module.
        extra: The extra of setup.py that installs its package.

    Raises:
        InputError: The package is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError):  # a library of the package is missing
            raise InputError(f"the package {name} cannot be imported: {error}") from None
        package = name.replace("_", "-")
        raise InputError(
            f"this needs the package {package}; install it with `pip install -e '.[{extra}]'` in "
            "the checkout"
        ) from None
