"""Letters of units without torch, against those in tensors."""

import itertools

import torch

from moeasr.decode.fusion.spelling import UnitSpellings
from moeasr.decode.fusion.unit_letters import UnitLetters, UnitTrie
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

SPECIAL = ["<blank>", "<unk>", "<sos/eos>"]
UNITS = [*SPECIAL, "\u2581ab", "c", "\u2581", "北京", "<0xE6>", "<0x89>", "\u0301"]


def test_word_boundaries_equal_those_in_tensors():
    tokenizer = Tokenizer(TokenizerConfig(type="char"), UNITS)
    letters, spellings = UnitLetters(tokenizer), UnitSpellings(tokenizer)
    for after, unit in itertools.product([False, True], range(len(UNITS))):
        flag, units = torch.tensor(after), torch.tensor(unit)
        is_break = spellings.begins_word[units] | spellings.begins_here(flag, units)
        assert letters.is_break(after, unit) == is_break
        assert letters.after(after, unit) == spellings.after(flag, units)


def test_units_are_found_by_their_letters():
    trie = UnitTrie([("a", "b"), (), ("a",), ("b",)])
    assert trie.units == [] and trie.children["a"].units == [2]
    assert sorted(trie.below()) == [0, 2, 3]
    assert sorted(trie.children["a"].below()) == [0, 2]
    found = [(node.units, place) for node, place in trie.common({"b": 7, "x": 8})]
    assert found == [([3], 7)]
