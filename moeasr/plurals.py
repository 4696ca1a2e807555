"""Numbers with their nouns, for messages."""


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with the form of the noun that follows it.

    Args:
        number: The number.
        singular: The noun, with its verb if the verb follows: "utterance is".
        plural: The plural, such as "utterances are"; None adds "s" to `singular`.

        >>> counted(1, "speaker"), counted(2, "batch", "batches")
        ('1 speaker', '2 batches')
    """
    several = f"{singular}s" if plural is None else plural
    return f"{number} {singular if number == 1 else several}"
