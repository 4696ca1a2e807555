"""Make a dictionary of characters, BPE pieces or words.

Reads the transcripts of the training set. Writes units.txt, tokenizer.yaml and, for BPE, bpe.model.
Prints which units of further transcripts are not in the dictionary.
"""

import argparse

from moeasr.bin import run
from moeasr.parser import Parser

NOUNS = {"char": "characters", "bpe": "BPE pieces", "word": "words"}
NOUNS["cjk_bpe"] = "Chinese characters and BPE pieces"
SPECIAL_UNITS = "<blank>: CTC's empty output, <unk>: unknown, <sos/eos>: start and end of text"
SPACES = {"char": ", ▁: space", "bpe": ", ▁: start of a word", "word": ""}
SPACES["cjk_bpe"] = SPACES["bpe"]
MAX_SHOWN = 40
"""Maximum number of units that are printed."""


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
        help="type of units (default: char, or the type of --extend)",
    )
    parser.add_argument(
        "--vocab-size",
        type=int,
        metavar="N",
        help="number of units including <blank>, <unk> and <sos/eos>: exact for BPE, otherwise a "
        "maximum (default: no maximum; required for BPE)",
    )
    parser.add_argument(
        "--extend",
        metavar="PATH",
        help="dictionary directory, checkpoint or experiment directory whose units keep their ids; "
        "missing characters or words are added after them, to BPE as pieces of one character "
        "(default: none)",
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
    from moeasr.text.build_tokenizer import build_tokenizer, measure_coverage, spelled
    from moeasr.text.characters import read_non_lang_syms
    from moeasr.text.extension import extend_tokenizer, read_tokenizer
    from moeasr.text.transcript import read_transcripts

    texts_of = {path: list(read_transcripts(path).values()) for path in args.text}
    check_of = {path: list(read_transcripts(path).values()) for path in args.check_text}
    symbols = read_non_lang_syms(args.non_lang_syms) if args.non_lang_syms else []
    training = [text for texts in texts_of.values() for text in texts]
    old = read_tokenizer(args.extend) if args.extend else None
    if old is not None and args.vocab_size is not None:
        raise InputError("--vocab-size cannot be combined with --extend, which keeps all units")
    if old is not None and args.type not in (None, old.config.type):
        raise InputError(
            f"--type {args.type} cannot extend {args.extend}, whose units have the type "
            f"'{old.config.type}'; leave out --type"
        )
    try:
        if old is not None:
            tokenizer = extend_tokenizer(old, training, symbols)
        else:
            tokenizer = build_tokenizer(training, args.type or "char", args.vocab_size, symbols)
    except InputError as error:
        raise InputError(f"{' '.join(args.text)}: {error}") from None
    tokenizer.save(args.out_dir)

    shown = " ".join(map(spelled, tokenizer.units[:MAX_SHOWN]))
    more = " ..." if tokenizer.vocab_size > MAX_SHOWN else ""
    kind = tokenizer.config.type
    size = f"{tokenizer.vocab_size} units ({NOUNS[kind]})"
    print(f"{args.out_dir}/units.txt: {size}: {shown}{more}")
    print(f"    ({SPECIAL_UNITS}{SPACES[kind]})")
    if old is not None:
        new = " ".join(map(spelled, tokenizer.units[old.vocab_size :]))
        print(f"    (the first {old.vocab_size} are those of {args.extend}; new: {new or 'none'})")
    for path, texts in (texts_of | check_of).items():
        print(f"{path}: {measure_coverage(tokenizer, texts).describe()}")


if __name__ == "__main__":
    run(main)
