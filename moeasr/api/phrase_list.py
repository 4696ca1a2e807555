"""Boosted phrases given as a list in Python, where the settings take a file of them."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moeasr.errors import InputError


@contextmanager
def phrases_in_file(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Write a list of phrases in `context` to a file, which exists in the `with` block.

    Args:
        settings: Keyword arguments, of which `context` may be a list of phrases.

    Yields:
        The settings with the path of the file as `context`, if it was a list.

    Raises:
        InputError: The list has no phrases, or something else than phrases.
    """
    phrases = settings.get("context")
    if not isinstance(phrases, (list, tuple)):
        yield dict(settings)
        return
    for phrase in phrases:
        if not isinstance(phrase, str) or not phrase.strip() or set(phrase) & set("\n\r\t"):
            raise InputError(f"a phrase in `context` must be words in one line, but is {phrase!r}")
    if not phrases:
        raise InputError("`context` contains no phrases")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "context")
        path.write_text("".join(f"{phrase}\n" for phrase in phrases), encoding="utf-8")
        try:
            yield {**settings, "context": str(path)}
        except InputError as error:  # the caller knows of no file
            raise InputError(str(error).replace(str(path), "`context`")) from None
