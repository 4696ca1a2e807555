"""Searches as a user of moeasr would write them, for `--modes own_search.backwards`."""

import dataclasses

from moeasr.decode.config import DecodeConfig
from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.decode.searches import NBest, Search, SearchInput


def run(inputs: SearchInput, config: DecodeConfig) -> NBest:
    """Read the greedy result from its end to its beginning."""
    found = ctc_greedy_search(inputs.log_probs, inputs.enc_lens)
    return [[dataclasses.replace(best, tokens=best.tokens[::-1])] * 2 for best in found]


backwards = Search(run, heads=frozenset({"ctc"}), settings=frozenset({"beam_size"}))
by_transducer = Search(run, heads=frozenset({"transducer"}), settings=frozenset())
from_both_ends = Search(run, heads=frozenset({"reverse_decoder"}), settings=frozenset())
warm = Search(run, heads=frozenset({"ctc"}), settings=frozenset({"temperature"}))
no_search = run
