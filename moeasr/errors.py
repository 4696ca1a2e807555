"""The one exception that means: the user's input is wrong, and this sentence says where."""


class InputError(ValueError):
    """A fault in what the user gave us: a file, a line, an utterance, a config key, a flag.

    The message is one clear sentence that names the culprit. Entry points print it without a
    traceback and exit with status 1; anything else that escapes is a bug of ours and shows one.
    """
