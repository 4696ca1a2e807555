"""Labels of encoder frames."""

import numpy as np
import pytest
from checkpoints import UNITS

from moeasr.errors import InputError
from moeasr.report.html.frame_labels import (
    alignment_labels,
    phone_labels,
    read_lexicon,
    utterance_labels,
    word_spans,
)
from moeasr.report.html.routes import RoutedUtterance, Routes
from moeasr.text.tokenizer import Tokenizer

TOKENIZER = Tokenizer.from_state(
    {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None}
)


@pytest.fixture
def routes():
    """Return two utterances, `ab c` in 10 frames and one that cannot be aligned in 2 frames."""
    tokens = tuple(TOKENIZER.encode("ab c"))
    spans = ((1, 2), (3, 5), (5, 6), (8, 9))
    aligned = RoutedUtterance(utt_id="u1", num_frames=10, tokens=tokens, spans=spans)
    other = RoutedUtterance(utt_id="u2", num_frames=2, tokens=tokens, spans=())
    return Routes(
        num_experts={},
        first=np.zeros((0, 12), np.int16),
        starts=np.array([0, 10, 12]),
        utterances=(aligned, other),
    )


def test_units_blanks_and_positions(routes):
    unit, blank, position = alignment_labels(routes, TOKENIZER)
    names = [None if number < 0 else unit.classes[number] for number in unit.ids.tolist()]
    assert names == [None, "a", None, "b", "b", "\u2581", None, None, "c", None, None, None]
    assert blank.ids.tolist() == [1, 0, 1, 0, 0, 0, 1, 1, 0, 1, -1, -1]
    assert position.ids.tolist() == [*range(10), 0, 5]
    assert position.classes[3] == "30 to 40 %"
    assert not unit.is_of_utterance and unit.num_used == 4


def test_phones_divide_their_word(routes, tmp_path):
    """The word `ab` has the frames 1 to 4, and `c` has frame 8."""
    assert word_spans(routes.utterances[0], TOKENIZER) == [("ab", 1, 5), ("c", 8, 9)]
    path = tmp_path / "lexicon"
    path.write_text("ab X Y\nab Z\nd Z\n")
    found = phone_labels(routes, TOKENIZER, read_lexicon(path))
    assert found.classes == ("X", "Y", "Z")
    assert found.ids.tolist() == [-1, 0, 0, 1, 1, *[-1] * 7]


def test_lexicons_that_do_not_fit_are_refused(routes, tmp_path):
    path = tmp_path / "lexicon"
    path.write_text("AB X\n")
    with pytest.raises(InputError, match="^the lexicon contains no word of the transcripts; check"):
        phone_labels(routes, TOKENIZER, read_lexicon(path))
    path.write_text("ab X\nc\n")
    with pytest.raises(InputError, match="lexicon, line 2: must be a word and its phones"):
        read_lexicon(path)


def test_tables_label_the_frames_of_their_utterances(routes, tmp_path):
    (tmp_path / "utt2spk").write_text("u1 s2\nu2 s1\nu3 s3\n")
    (tmp_path / "utt2lang").write_text("u1 en\nu2 en\n")
    (tmp_path / "utt2snr").write_text("u1 5\nu2 -2.5\n")
    language, speaker, noise = utterance_labels(routes, tmp_path)
    assert (language.name, language.classes, language.num_used) == ("language", ("en",), 1)
    assert speaker.classes == ("s1", "s2") and speaker.is_of_utterance
    assert speaker.ids.tolist() == [1] * 10 + [0] * 2
    assert noise.classes == ("-2.5 dB", "5 dB") and noise.ids.tolist() == [1] * 10 + [0] * 2


def test_many_noise_levels_become_four_groups(routes, tmp_path):
    utts = [RoutedUtterance(utt_id=f"u{n}", num_frames=1, tokens=(), spans=()) for n in range(9)]
    many = Routes(
        num_experts={},
        first=np.zeros((0, 9), np.int16),
        starts=np.arange(10),
        utterances=tuple(utts),
    )
    (tmp_path / "utt2snr").write_text("".join(f"u{n} {n}\n" for n in range(9)))
    (noise,) = utterance_labels(many, tmp_path)
    names = ("below 2.0 dB", "2.0 to 4.0 dB", "4.0 to 6.0 dB", "from 6.0 dB")
    assert noise.classes == names
    assert noise.ids.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3]
    (tmp_path / "utt2snr").write_text("".join(f"u{n} {n if n < 8 else 'inf'}\n" for n in range(9)))
    (noise,) = utterance_labels(many, tmp_path)
    assert noise.classes[0] == "below 1.8 dB" and noise.classes[3:] == ("from 5.2 dB", "no noise")
    assert noise.ids.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    (tmp_path / "utt2snr").write_text("".join(f"u{n} {5 if n else 'inf'}\n" for n in range(9)))
    (noise,) = utterance_labels(many, tmp_path)
    assert noise.classes == ("5 dB", "no noise") and noise.ids.tolist() == [1] + [0] * 8


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("utt2lang", "u1 en\n", "utt2lang has no label of utterance u2; add its line, or remove"),
        ("utt2spk", "u1 s\nu2\n", "utt2spk has no label of utterance u2; add its line, or remove"),
        ("utt2snr", "u1 5\nu2 loud\n", "utt2snr must hold a signal-to-noise ratio in dB"),
        ("utt2snr", "u1 5\nu2 nan\n", "utt2snr must hold a signal-to-noise ratio in dB"),
        ("utt2snr", "u1 5\nu2 -inf\n", "utt2snr must hold a signal-to-noise ratio in dB"),
    ],
)
def test_tables_that_miss_utterances_are_refused(routes, tmp_path, name, lines, message):
    (tmp_path / name).write_text(lines)
    with pytest.raises(InputError, match=message):
        utterance_labels(routes, tmp_path)
