"""Letters of units, and word boundaries within and between units."""

import pytest
import torch

from moeasr.decode.fusion.spelling import UnitSpellings
from moeasr.decode.fusion.unit_letters import BOUNDARY
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig

SPECIAL = ["<blank>", "<unk>", "<sos/eos>"]
UNITS = [*SPECIAL, "\u2581ab", "c", "\u2581", "北京", "<0xE6>", "<0x89>", "\u0301"]
AB, C, SPACE, BEIJING, LEAD_BYTE, NEXT_BYTE, MARK = range(3, 10)


@pytest.fixture
def spellings():
    return UnitSpellings(Tokenizer(TokenizerConfig(type="char"), UNITS))


def test_letters_of_units(spellings):
    assert spellings.letters[:4] == [(), tuple("<unk>"), (), ("a", "b")]
    assert spellings.letters[BEIJING] == ("北", BOUNDARY, "京")
    assert spellings.letters[SPACE] == () and spellings.letters[LEAD_BYTE] == ("<0xE6>",)
    assert spellings.begins_word.nonzero().flatten().tolist() == [AB, SPACE]
    assert spellings.has_letters.tolist() == [bool(letters) for letters in spellings.letters]


@pytest.mark.parametrize(
    ("units", "letters"),
    [
        ([AB, C], "abc"),
        ([AB, SPACE, C], "ab c"),
        ([AB, SPACE, SPACE, AB], "ab ab"),
        ([AB, BEIJING, C], "ab 北 京 c"),
        ([C, BEIJING, MARK, C], "c 北 京\u0301 c"),
        ([], ""),
    ],
)
def test_texts_are_spelled_with_one_boundary_between_words(spellings, units, letters):
    assert "".join(spellings.spell(units)) == letters


def test_characters_of_scripts_without_spaces_begin_new_words(spellings):
    units = torch.tensor([AB, C, SPACE, BEIJING, LEAD_BYTE, NEXT_BYTE, MARK])
    after_letters = spellings.begins_here(torch.tensor(False), units)
    assert after_letters.tolist() == [False, False, False, True, True, False, False]
    after_han = spellings.begins_here(torch.tensor(True), units)
    assert after_han.tolist() == [False, True, False, True, True, False, False]
    assert spellings.after(torch.tensor(True), units).tolist() == [
        *(False, False, False),
        *(True, True, True),
        True,  # a combining mark does not change it
    ]
