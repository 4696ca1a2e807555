"""Estimate an n-gram language model and write it as an ARPA file.

Probabilities are smoothed by interpolated Kneser-Ney.
"""

import argparse
from collections.abc import Iterable

from moeasr.bin import run
from moeasr.parser import Parser

MAX_WORD_CHARS = 4
"""A text of more characters than this, in a script without spaces, is hardly a single word."""


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m moeasr.bin.make_lm --text data/train/text --order 3 "
        "--check-text data/dev/text --out data/lm/3gram.arpa",
    )
    parser.add_argument(
        "--text", nargs="+", required=True, metavar="FILE", help="Kaldi text file(s) of training"
    )
    parser.add_argument(
        "--order", type=int, default=3, metavar="N", help="longest n-grams (default: %(default)s)"
    )
    parser.add_argument(
        "--dict-dir",
        metavar="DIR",
        help="what make_dict wrote: model its units, not words between spaces (decode with "
        "--lm-level unit); for text without spaces, such as Chinese",
    )
    parser.add_argument(
        "--check-text",
        nargs="+",
        default=[],
        metavar="FILE",
        help="further text file(s) whose perplexity is printed (dev, test)",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="written here; may end in .gz")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run it."""
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
            f"words and ends of sentences; {predicted.num_unknown} unknown words left out"
        )


def _warn_of_missing_spaces(path: str, texts: Iterable[str]) -> None:
    """Warn if most transcripts in a script without spaces are a single word for the model."""
    from moeasr.logs import get_logger
    from moeasr.text.scripts import is_unspaced

    unspaced = [text for text in texts if sum(map(is_unspaced, text)) > MAX_WORD_CHARS]
    whole = [text for text in unspaced if " " not in text]
    if 2 * len(whole) > len(unspaced):
        get_logger(__name__).warning(
            "%s: %d transcripts have no spaces, so that each of them is one word of the language "
            "model, e.g. '%s'; make a model of units with --dict-dir (and decode with --lm-level "
            "unit), or put spaces between the words first",
            *(path, len(whole), whole[0]),
        )


if __name__ == "__main__":
    run(main)
