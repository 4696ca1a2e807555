"""Preparation of `data/{train,dev,test}` from a corpus in any form, for `local/data_prep.py`."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from moeasr.corpus.forms.audio_entries import with_entries, without_needless_times
from moeasr.corpus.forms.ids import with_ids
from moeasr.corpus.forms.partition import PartitionOptions, complete_sets, set_size
from moeasr.corpus.forms.registry import AUTO, FORMS, find_form
from moeasr.corpus.forms.source_files import SETS, set_directories
from moeasr.corpus.forms.text_options import (
    CASES,
    PUNCTUATIONS,
    TextOptions,
    describe_texts,
    with_texts,
)
from moeasr.corpus.preparation import preparation_parser
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.limits import seed
from moeasr.logs import get_logger

logger = get_logger(__name__)


@dataclass(frozen=True)
class CorpusOptions:
    """The form of a corpus, and the changes that are made to it."""

    form: str = AUTO
    """A name in `FORMS`, or the import path of a corpus form of your own."""
    text: TextOptions = TextOptions()
    """Changes of the case and the punctuation of transcripts."""
    partition: PartitionOptions = PartitionOptions()
    """Sizes of the sets that the corpus does not define."""
    data_dir: Path | None = None
    """The directory of the sets that will be written, which must not be those of the corpus."""


def forms_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a preparation script that accepts every form of corpus (`--form`)."""
    parser = preparation_parser(description, "the corpus, or a directory that contains only it")
    add = parser.add_argument
    add(
        "--form",
        default=AUTO,
        metavar="FORM",
        help=f"form of the corpus: {', '.join(FORMS)}, or the import path of your own, such as "
        "my_form.MyForm in local/my_form.py (default: recognised)",
    )
    add("--case", choices=CASES, default="keep", help="case of the texts (default: %(default)s)")
    add(
        "--punctuation",
        choices=PUNCTUATIONS,
        default="keep",
        help="punctuation of the texts; apostrophes inside words stay (default: %(default)s)",
    )
    for name in ("dev", "test"):
        add(
            f"--{name}-size",
            type=set_size,
            metavar="SIZE",
            help=f"size of the {name} set if the corpus does not define it: a share of the "
            "utterances below 1, or their number (default: a tenth, at most 1000)",
        )
    add(
        "--seed",
        type=seed,
        default=PartitionOptions.seed,
        metavar="N",
        help="seed of the choice of speakers for these sets (default: %(default)s)",
    )
    return parser


def options_of(args: argparse.Namespace) -> CorpusOptions:
    """Return the options that the command line of `forms_parser` gives."""
    return CorpusOptions(
        form=args.form,
        text=TextOptions(args.case, args.punctuation),
        partition=PartitionOptions(args.dev_size, args.test_size, args.seed),
        data_dir=args.data_dir,
    )


def read_sets(root: Path, options: CorpusOptions) -> dict[str, list[Utterance]]:
    """Return the training, development and test set of a corpus; nothing is written.

    Args:
        root: The corpus.
        options: The form and the changes.

    Raises:
        InputError: The corpus is faulty; the message names the file and the line. Or the sets
            would replace directories of the corpus.
    """
    form, root = find_form(options.form, root.resolve())
    if options.data_dir is not None:
        _check_separate(root, options.data_dir)
    sets = {
        name: with_texts(items, options.text, form.allows_empty_text)
        for name, items in form.read(root).items()
    }
    hint = describe_texts(item for items in sets.values() for item in items)
    if hint:
        logger.info("%s", hint)
    measured = iter(with_entries(item for items in sets.values() for item in items))
    sets = {name: [next(measured) for _ in items] for name, items in sets.items()}
    sets = complete_sets(sets, options.partition)
    sets = {name: without_needless_times(items) for name, items in sets.items()}
    made = with_ids(sets, keep=form.keeps_ids)
    for name, utterances in made.items():
        unknown = [utterance for utterance in utterances if utterance.language_name is None]
        if 0 < len(unknown) < len(utterances):
            logger.warning(
                "%s: utt2lang is not written, because %d of %d utterances have no language: %s%s",
                *(name, len(unknown), len(utterances), unknown[0].utt_id),
                " ..." if len(unknown) > 1 else "",
            )
    return made


def _check_separate(root: Path, data_dir: Path) -> None:
    """Raise `InputError` if a set would replace a directory of the corpus."""
    own = {path.resolve() for path in set_directories(root)}
    for name in SETS:
        if (data_dir / name).is_dir() and (data_dir / name).resolve() in own:
            raise InputError(
                f"{data_dir / name} is a part of the corpus {root}, and would be replaced; write "
                "to another directory (--data-dir), or move the corpus"
            )
