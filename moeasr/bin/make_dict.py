"""Make a dictionary of characters, BPE pieces or words.

Reads the transcripts of the training set. Writes units.txt, tokenizer.yaml and, for BPE, bpe.model.
Prints which units of further transcripts are not in the dictionary.
"""

import argparse
from typing import TYPE_CHECKING

from moeasr.bin import run
from moeasr.parser import Parser

if TYPE_CHECKING:
    from moeasr.text.build_tokenizer import Coverage

NOUNS = {"char": "characters", "bpe": "BPE pieces", "word": "words"}
SPECIAL_UNITS = "<blank>: CTC's empty output, <unk>: unknown, <sos/eos>: start and end of text"
SPACES = {"char": ", ▁: space", "bpe": ", ▁: start of a word", "word": ""}
MAX_SHOWN, MAX_UNKNOWN = 40, 10
"""Maximum numbers of units, and of units missing in the dictionary, that are printed."""


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  moeasr make-dict --text data/train/text --type bpe "
        "--vocab-size 200 --out-dir data/lang_bpe",
    )
    parser.add_argument(
        "--text",
        nargs="+",
        required=True,
        metavar="FILE",
        help="transcripts of the training set: Kaldi text files",
    )
    parser.add_argument(
        "--type",
        choices=("char", "bpe", "word"),
        default="char",
        help="type of units (default: char)",
    )
    parser.add_argument(
        "--vocab-size",
        type=int,
        metavar="N",
        help="number of units including <blank>, <unk> and <sos/eos>: exact for BPE, otherwise a "
        "maximum (default: no maximum; required for BPE)",
    )
    parser.add_argument(
        "--non-lang-syms",
        metavar="FILE",
        help="list of symbols that are single units, such as <noise>, one per line (default: none)",
    )
    parser.add_argument(
        "--check-text",
        nargs="+",
        default=[],
        metavar="FILE",
        help="further transcripts, such as dev and test, for which the share of known units is "
        "printed (default: none)",
    )
    parser.add_argument(
        "--out-dir", required=True, metavar="DIR", help="dictionary directory to write"
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr make-dict`."""
    args = get_parser().parse_args(argv)

    from moeasr.errors import InputError
    from moeasr.text.build_tokenizer import build_tokenizer, measure_coverage
    from moeasr.text.characters import read_non_lang_syms
    from moeasr.text.transcript import read_transcripts

    texts_of = {path: list(read_transcripts(path).values()) for path in args.text}
    check_of = {path: list(read_transcripts(path).values()) for path in args.check_text}
    symbols = read_non_lang_syms(args.non_lang_syms) if args.non_lang_syms else []
    training = [text for texts in texts_of.values() for text in texts]
    try:
        tokenizer = build_tokenizer(training, args.type, args.vocab_size, symbols)
    except InputError as error:
        raise InputError(f"{' '.join(args.text)}: {error}") from None
    tokenizer.save(args.out_dir)

    shown = " ".join(tokenizer.units[:MAX_SHOWN])
    more = " ..." if tokenizer.vocab_size > MAX_SHOWN else ""
    size = f"{tokenizer.vocab_size} units ({NOUNS[args.type]})"
    print(f"{args.out_dir}/units.txt: {size}: {shown}{more}")
    print(f"    ({SPECIAL_UNITS}{SPACES[args.type]})")
    for path, texts in (texts_of | check_of).items():
        print(f"{path}: {_describe(measure_coverage(tokenizer, texts))}")


def _describe(coverage: "Coverage") -> str:
    """Return how many units of transcripts are in the dictionary, and which are not."""
    sizes = f"{coverage.num_utts} utterances, {coverage.num_units} units"
    num_unknown = coverage.unknown.total()
    if num_unknown == 0:
        return f"{sizes}, all in the dictionary"
    common = coverage.unknown.most_common(MAX_UNKNOWN)
    listed = ", ".join(f"{unit} ({count} times)" for unit, count in common)
    more = ", ..." if len(coverage.unknown) > len(common) else ""
    share = 100 - coverage.percent
    return f"{sizes}, of which {num_unknown} ({share:.2f} %) become <unk>: {listed}{more}"


if __name__ == "__main__":
    run(main)
