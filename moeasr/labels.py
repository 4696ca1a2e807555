"""Labels of utterances that a model distinguishes, such as languages, accents or domains."""

from typing import NamedTuple

from moeasr.errors import InputError
from moeasr.plurals import counted

UNKNOWN = -1
"""Index of a label that is unknown."""


class Labels(NamedTuple):
    """The labels that a model distinguishes, and the table of data directories that has them."""

    names: tuple[str, ...] = ()
    """Names of the labels, in the model's order; empty if the model needs none."""
    kind: str = "lang"
    """Kind of label: the table of the labels is `utt2<kind>`."""
    is_required: bool = True
    """True if every utterance needs one of the labels. Otherwise, the label of an utterance may be
    unknown, and the table may be missing."""
    dropped: tuple[str, ...] = ()
    """Names of labels whose experts were pruned, so that no utterance may have them."""

    @property
    def table(self) -> str:
        """The name of the table."""
        return f"utt2{self.kind}"


NO_LABELS = Labels()
"""The labels of a model that distinguishes none."""


def check_names(labels: Labels, at_least: int = 2) -> None:
    """Raise `InputError` unless there are enough names of labels, each of them only once.

    Args:
        labels: The labels of a section of the config with the keys `labels` and `label`.
        at_least: Smallest number of labels.
    """
    names = labels.names
    if len(names) < at_least:
        raise InputError(
            f"`labels` needs at least {counted(at_least, 'name')}, as in {labels.table}, but is "
            f"{list(names)}"
        )
    if "" in names or len(set(names)) < len(names):
        raise InputError(f"`labels` contains an empty name, or a name twice: {', '.join(names)}")
