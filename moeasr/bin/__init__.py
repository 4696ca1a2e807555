"""Entry points: one module per command, each `python -m moeasr.bin.x` and `moeasr x`."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from moeasr.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Call an entry point's `main`; bad input becomes one sentence on stderr and exit status 1."""
    program = os.path.basename(sys.argv[0])
    try:
        main()
    except InputError as error:
        sys.exit(f"{program}: {error}")
    except BrokenPipeError:  # `moeasr ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        culprit = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{program}: {culprit}{error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)


def add_fusion_options(parser: argparse.ArgumentParser) -> None:
    """The options of `moeasr.decode.fusion_build.FusionConfig`, where they are explained."""
    group = parser.add_argument_group(
        "language model and boosted phrases",
        "for ctc_prefix_beam_search, also as first pass of attention_rescoring",
    )
    add = group.add_argument
    add("--lm", metavar="FILE", help="n-gram language model, ARPA, perhaps gzipped")
    add("--lm-weight", type=float, metavar="W", help="of its log-probabilities (0.5)")
    add("--lm-level", choices=("word", "unit"), help="what its words are (word)")
    add("--word-bonus", type=float, metavar="B", help="score of each word (0)")
    add("--lm-unk-penalty", type=float, metavar="P", help="of words that it lacks (-10)")
    add("--context", metavar="FILE", help="phrases to boost, one a line, `phrase[TAB score]`")
    add("--context-score", type=float, metavar="S", help="for each unit of a phrase (1.0)")


def fusion_options(args: argparse.Namespace) -> dict[str, Any]:
    """Those of `add_fusion_options` that were given."""
    names = ("lm", "lm_weight", "lm_level", "word_bonus", "lm_unk_penalty", "context")
    values = {name: getattr(args, name) for name in (*names, "context_score")}
    return {name: value for name, value in values.items() if value is not None}
