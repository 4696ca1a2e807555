"""Estimate an n-gram language model and write it as an ARPA file.

Reads the transcripts of the training set. Probabilities are smoothed by interpolated Kneser-Ney.
"""

import argparse
from collections.abc import Iterable

from moeasr.bin import run
from moeasr.parser import Parser
from moeasr.plurals import counted

MAX_WORD_CHARS = 4
"""Maximum plausible number of characters of a word in a script without spaces."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr make-lm --text data/train/text --order 3 \\\n"
        "      --check-text data/dev/text --out data/lm/3gram.arpa",
    )
    parser.add_argument(
        "--text",
        nargs="+",
        required=True,
        metavar="FILE",
        help="transcripts of the training set: Kaldi text files",
    )
    parser.add_argument(
        "--order",
        type=int,
        default=3,
        metavar="N",
        help="order of the longest n-grams (default: %(default)s)",
    )
    parser.add_argument(
        "--dict-dir",
        metavar="DIR",
        help="dictionary of make-dict, for a language model of its units instead of words, as text "
        "without spaces needs; decode with --lm-level unit (default: words)",
    )
    parser.add_argument(
        "--check-text",
        nargs="+",
        default=[],
        metavar="FILE",
        help="further transcripts whose perplexity is printed, such as dev (default: none)",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="ARPA file to write; compressed if it ends in .gz",
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr make-lm`."""
    args = get_parser().parse_args(argv)

    from moeasr.errors import InputError
    from moeasr.logs import progress, setup_logging
    from moeasr.text.arpa import write_arpa
    from moeasr.text.kneser_ney import estimate
    from moeasr.text.perplexity import predict
    from moeasr.text.tokenizer import Tokenizer
    from moeasr.text.transcript import read_transcripts

    setup_logging()
    tokenizer = None if args.dict_dir is None else Tokenizer.from_dir(args.dict_dir)

    def read_sentences(path: str) -> list[list[str]]:
        texts = read_transcripts(path).values()
        if tokenizer is None:
            _warn_of_missing_spaces(path, texts)
            return [text.split() for text in texts]
        return [[tokenizer.units[number] for number in tokenizer.encode(text)] for text in texts]

    training = [sentence for path in args.text for sentence in read_sentences(path)]
    checks = {path: read_sentences(path) for path in args.check_text}
    try:
        model = estimate(progress(training, "counting n-grams", unit="sentences"), args.order)
    except InputError as error:
        raise InputError(f"{' '.join(args.text)}: {error}") from None
    write_arpa(model, args.out)

    sizes = ", ".join(f"{len(section)} {n}-grams" for n, section in enumerate(model.ngrams, 1))
    print(f"{args.out}: {sizes}")
    for path, sentences in checks.items():
        predicted = predict(model, sentences)
        print(
            f"{path}: perplexity {predicted.perplexity:.2f} over {predicted.num_predicted} known "
            "words and ends of sentences; "
            f"{counted(predicted.num_unknown, 'unknown word')} left out"
        )


def _warn_of_missing_spaces(path: str, texts: Iterable[str]) -> None:
    """Warn if most transcripts in a script without spaces are a single word."""
    from moeasr.logs import get_logger
    from moeasr.text.scripts import is_unspaced

    unspaced = [text for text in texts if sum(map(is_unspaced, text)) > MAX_WORD_CHARS]
    whole = [text for text in unspaced if " " not in text]
    if 2 * len(whole) > len(unspaced):
        get_logger(__name__).warning(
            "%s: %s no spaces, so that each is one word of the language model, "
            "such as '%s'; either give --dict-dir for a model of units, and decode with --lm-level "
            "unit, or separate the words by spaces",
            *(path, counted(len(whole), "transcript has", "transcripts have"), whole[0]),
        )


if __name__ == "__main__":
    run(main)
